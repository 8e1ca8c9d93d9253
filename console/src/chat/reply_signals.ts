/** The replies that are under way, one a conversation at most. A component reads `replyIn(conversation).value`, and is drawn again when it changes. */

import { type Signal, signal } from "@preact/signals";
import { onSignedOut, session } from "../session/session.ts";
import { announceStage } from "./announcements.ts";
import { next, type Reply, type ReplyEvent } from "./reply_state.ts";
import { keep, keptIn } from "./sent_store.ts";

const replies = new Map<string, Signal<Reply | null>>();

onSignedOut(() => replies.clear());

/** The reply under way in a conversation, if there is one: this page's, or what an earlier page of this tab has left. */
export function replyIn(conversation: string): Signal<Reply | null> {
  let reply = replies.get(conversation);
  if (reply === undefined) {
    const person = session.peek();
    const userId = person.kind === "signed-in" ? person.userId : "";
    reply = signal(keptIn(conversation, userId, Date.now()));
    replies.set(conversation, reply);
  }
  return reply;
}

export function conversationsWithReply(): string[] {
  return [...replies].filter(([, reply]) => reply.peek() !== null).map(([conversation]) => conversation);
}

/** Tells a reply what happened. */
export function tell(conversation: string, event: ReplyEvent): void {
  const place = replyIn(conversation);
  const before = place.peek();
  if (before === null) return;
  const after = next(before, event);
  if (after === before) return;
  place.value = after;
  const isAtAnotherStage = after.stage.kind !== before.stage.kind;
  if (isAtAnotherStage || after.id !== before.id) keepIfThereIsRoom(after);
  if (isAtAnotherStage) announceStage(after);
}

/** The record that was kept before the message was sent is enough for a reload; later changes make it tell more. */
function keepIfThereIsRoom(reply: Reply): void {
  try {
    keep(reply);
  } catch {
    // The store is full.
  }
}
