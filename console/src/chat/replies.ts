/**
 * The replies that are under way, one a conversation at most. They go on while another page is shown. A component reads
 * `replyIn(conversation)`, and all that changes them is here.
 */

import { type Signal, signal } from "@preact/signals";
import { Unreachable } from "../api/problem.ts";
import { balanceHasChanged, queryClient } from "../api/queries.ts";
import { notify } from "../parts/announcer.tsx";
import { onSignedOut, session } from "../session/session.ts";
import { announceStage } from "./announcements.ts";
import { messagesQuery, newestKnown, readNewest } from "./messages.ts";
import {
  aged,
  asking,
  isOpen,
  isReading,
  isSettled,
  next,
  type Reply,
  type ReplyEvent,
  storedOf,
} from "./reply_state.ts";
import { readReply } from "./reply_stream.ts";
import { type Asked, newSent, type Sent, sentAgain } from "./sent.ts";
import { drop, keep, keepBeforeSending, keptIn } from "./sent_store.ts";
import { Words } from "./words.ts";

/** How long to wait before the conversation is read again for a reply that nobody reads. */
const LOOKS_MS = [2_000, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];

const replies = new Map<string, Signal<Reply | null>>();
const readers = new Map<string, AbortController>();
const looks = new Map<string, ReturnType<typeof setTimeout>>();

onSignedOut(() => {
  for (const reader of readers.values()) reader.abort();
  for (const timer of looks.values()) clearTimeout(timer);
  readers.clear();
  looks.clear();
  replies.clear();
});

/** Who comes back to the page wants to know what became of what was sent. */
function lookAgain(): void {
  if (document.visibilityState === "hidden") return;
  for (const [conversation, reply] of replies) {
    const now = reply.peek();
    if (now !== null && isOpen(now) && !isReading(now)) lookLater(conversation, 0);
  }
}
addEventListener("online", lookAgain);
document.addEventListener("visibilitychange", lookAgain);

/** The reply under way in a conversation, if there is one. */
export function replyIn(conversation: string): Signal<Reply | null> {
  let reply = replies.get(conversation);
  if (reply === undefined) {
    const person = session.peek();
    const userId = person.kind === "signed-in" ? person.userId : "";
    reply = signal(keptIn(conversation, userId, Date.now()));
    replies.set(conversation, reply);
    if (reply.peek() !== null) lookLater(conversation, 0);
  }
  return reply;
}

/** Sends a message that nobody has sent before. */
export function send(asked: Asked): void {
  const person = session.peek();
  if (person.kind !== "signed-in") return;
  ask(newSent(asked, person.userId, newestKnown(asked.conversation), Date.now()));
}

/** Asks for the same message again: with its own key where it may have been charged. */
export function askAgain(reply: Reply, model: string | null): void {
  const { sent } = reply;
  if (isSettled(reply)) ask(newSent({ ...sent, model }, sent.userId, newestKnown(sent.conversation), Date.now()));
  else if (isOpen(reply)) ask(sent);
  else ask(sentAgain(sent, { ...sent, model }, Date.now()));
}

/** Stops reading. The model writes on, and its reply is charged. */
export function stop(conversation: string): void {
  tell(conversation, { kind: "stop" });
  readers.get(conversation)?.abort();
  readers.delete(conversation);
  lookLater(conversation, 0);
  balanceHasChanged();
}

/** Takes a message off the page that was refused, or that nobody wants to ask for any more. */
export function dismiss(conversation: string): void {
  clearTimeout(looks.get(conversation));
  replyIn(conversation).value = null;
  drop(conversation);
}

function ask(sent: Sent): void {
  const { conversation } = sent;
  clearTimeout(looks.get(conversation));
  readers.get(conversation)?.abort();
  const reply = asking(sent);
  // Kept before it is sent: whatever happens then, the key is known.
  keepBeforeSending(reply);
  replyIn(conversation).value = reply;
  void read(sent);
}

async function read(sent: Sent): Promise<void> {
  const { conversation } = sent;
  const reader = new AbortController();
  readers.set(conversation, reader);
  const words = new Words((text) => tell(conversation, { kind: "text", text }));
  const hear = (event: ReplyEvent) => {
    // After a stop, or in place of an earlier request with this key, nobody listens.
    if (readers.get(conversation) !== reader) return;
    if (event.kind === "text") return words.add(event.text);
    words.flush();
    tell(conversation, event);
    // Credits are held for it now.
    if (event.kind === "opened") balanceHasChanged();
  };
  try {
    await readReply(sent, reader.signal, hear);
  } catch (error) {
    hear({ kind: "cut", ...(error instanceof Unreachable ? { sentence: error.message } : {}) });
  }
  words.flush();
  if (readers.get(conversation) === reader) readers.delete(conversation);
  await afterReading(conversation);
}

async function afterReading(conversation: string): Promise<void> {
  const reply = replyIn(conversation).peek();
  if (reply === null) return;
  if (reply.stage.kind === "in-progress") return void lookLater(conversation, 0);
  balanceHasChanged();
  if (isSettled(reply)) await settle(conversation);
  else if (isOpen(reply) && !isReading(reply)) lookLater(conversation, 0);
}

/** The message is in the conversation now: the page shows it from there. */
async function settle(conversation: string): Promise<void> {
  try {
    const messages = await readNewest(conversation);
    const reply = replyIn(conversation).peek();
    // The words stay on the page where the conversation does not have them.
    if (reply?.stage.kind === "paid" && storedOf(reply, messages) !== undefined) replyIn(conversation).value = null;
  } catch {
    // The words that were read stay. The conversation is read again when it is opened the next time.
    void queryClient.invalidateQueries({ queryKey: messagesQuery(conversation).queryKey, refetchType: "none" });
  }
}

function tell(conversation: string, event: ReplyEvent): void {
  const place = replyIn(conversation);
  const before = place.peek();
  if (before === null) return;
  const after = next(before, event);
  if (after === before) return;
  place.value = after;
  if (after.stage.kind !== before.stage.kind || after.id !== before.id) keepIfThereIsRoom(after);
  if (after.stage.kind !== before.stage.kind) announceStage(after);
}

/** What was kept before the message was sent is enough for a reload: the rest makes it tell more. */
function keepIfThereIsRoom(reply: Reply): void {
  try {
    keep(reply);
  } catch {
    // The store is full.
  }
}

/** Looks after a while what became of a message whose reply nobody reads. */
function lookLater(conversation: string, look: number): void {
  clearTimeout(looks.get(conversation));
  const reply = replyIn(conversation).peek();
  if (reply === null) return;
  const isAskedAgain = reply.stage.kind === "in-progress";
  const wait = reply.stage.kind === "in-progress" ? reply.stage.until - Date.now() : LOOKS_MS[look];
  if (wait === undefined) return;
  const act = isAskedAgain ? () => ask(reply.sent) : () => void lookAt(conversation, look);
  looks.set(conversation, setTimeout(act, Math.max(wait, 0)));
}

/** Reads the conversation, and asks no model: the first request may not have arrived, and then asking would buy the reply. */
async function lookAt(conversation: string, look: number): Promise<void> {
  const reply = replyIn(conversation).peek();
  if (reply === null || !isOpen(reply) || isReading(reply)) return;
  try {
    const stored = storedOf(reply, await readNewest(conversation));
    if (stored !== undefined) {
      tell(conversation, { kind: "seen", id: stored.id, cost: stored.tokens });
      replyIn(conversation).value = null;
      balanceHasChanged();
      notify("The reply is there.");
      return;
    }
  } catch {
    // There will be another look, or the person asks.
  }
  const now = replyIn(conversation).peek();
  if (now !== null) replyIn(conversation).value = aged(now, Date.now());
  lookLater(conversation, look + 1);
}
