/**
 * The messages that are under way, kept in the tab's own store from before each is sent until it is known what became of it. So a
 * reload loses none, and none is paid for twice. They go when the person signs out.
 */

import { scoped } from "../api/base.ts";
import { tabStore } from "../parts/store.ts";
import { onSignedOut } from "../session/session.ts";
import { found, isSettled, type Refusal, type Reply } from "./reply_state.ts";
import type { Sent } from "./sent.ts";

const PREFIX = scoped("sent ");

/** The stored form of a message that was sent. */
interface Kept {
  sent: Sent;
  id: string | null;
  refusal: Refusal | null;
}

const FULL =
  "This browser keeps nothing more for this page, so the message was not sent. Sign out and in again to make room.";

/** Characters that the record of a message has beside its text, with room to spare. */
const MOST_OF_A_RECORD = 2000;

/** Throws if there is no room to keep `message`. */
export function checkRoom(message: string): void {
  const key = `${PREFIX}room`;
  try {
    sessionStorage.setItem(key, JSON.stringify(message).padEnd(message.length + MOST_OF_A_RECORD));
  } catch (error) {
    throw new Error(FULL, { cause: error });
  } finally {
    tabStore.remove(key);
  }
}

/** Keeps a message that is about to be sent. Throws if it cannot: a message that a reload would lose must not be sent. */
export function keepBeforeSending(reply: Reply): void {
  try {
    keep(reply);
  } catch (error) {
    throw new Error(FULL, { cause: error });
  }
}

/** Keeps what a reload needs, or drops what is settled. */
export function keep(reply: Reply): void {
  const key = PREFIX + reply.sent.conversation;
  if (isSettled(reply)) {
    tabStore.remove(key);
    return;
  }
  const refusal = reply.stage.kind === "refused" ? reply.stage.refusal : null;
  const kept: Kept = { sent: reply.sent, id: reply.id, refusal };
  // Not by `tabStore`, which would keep it in memory alone and lose an older record.
  sessionStorage.setItem(key, JSON.stringify(kept));
}

export function drop(conversation: string): void {
  tabStore.remove(PREFIX + conversation);
}

/** The message that was under way in a conversation when the page was closed. */
export function keptIn(conversation: string, userId: string, now: number): Reply | null {
  const kept = parsed(tabStore.get(PREFIX + conversation));
  if (kept === null || kept.sent.userId !== userId) return null;
  return found(kept.sent, kept.id, kept.refusal, now);
}

/** A record as this release writes it. Another one is no reason to draw nothing. */
function parsed(stored: string | null): Kept | null {
  if (stored === null) return null;
  try {
    const kept: Partial<Kept> | null = JSON.parse(stored);
    const isWhole = typeof kept?.sent?.key === "string" && typeof kept.sent.message === "string";
    return isWhole ? { id: null, refusal: null, ...(kept as Pick<Kept, "sent">) } : null;
  } catch {
    return null;
  }
}

onSignedOut(() => tabStore.removeAll(PREFIX));
