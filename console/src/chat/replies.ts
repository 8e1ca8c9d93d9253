/** The acts on messages and their replies: send, ask again, stop, dismiss. A reply goes on while another page is shown. */

import { NotSent, SignedOut, Unreachable } from "../api/problem.ts";
import { balanceHasChanged, queryClient } from "../api/queries.ts";
import { onSignedOut, session } from "../session/session.ts";
import { messagesQuery, newestKnown, readNewest } from "./messages.ts";
import { conversationsWithReply, replyIn, tell } from "./reply_signals.ts";
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
import { drop, keepBeforeSending } from "./sent_store.ts";
import { TextBuffer } from "./text_buffer.ts";

/** Pauses before the conversation is read again for a reply whose request is over. */
const SEARCH_PAUSES_MS = [2_000, 3_000, 5_000, 10_000, 20_000, 30_000];
/** The pause after those, for as long as a reply may take. */
const LATER_SEARCH_PAUSE_MS = 60_000;
const MOST_SEARCHES = 25;

const readers = new Map<string, AbortController>();
/** The timers of the next search, or of the next request with the same key. */
const timers = new Map<string, ReturnType<typeof setTimeout>>();

onSignedOut(() => {
  for (const reader of readers.values()) reader.abort();
  for (const timer of timers.values()) clearTimeout(timer);
  readers.clear();
  timers.clear();
});

/** Searches for all replies at once when the person comes back to the page, or the network does. */
function resumeAll(): void {
  if (document.visibilityState === "hidden") return;
  for (const conversation of conversationsWithReply()) resume(conversation);
}
addEventListener("online", resumeAll);
document.addEventListener("visibilitychange", resumeAll);

/** Searches for the reply to a message that was under way when the page was left. A conversation that is opened calls it. */
export function resume(conversation: string): void {
  const reply = replyIn(conversation).peek();
  if (reply !== null && isOpen(reply) && !isReading(reply)) searchLater(conversation, 0);
}

/** Sends a new message. Throws if it could not be kept before, and then nothing was sent. */
export function send(asked: Asked): void {
  const person = session.peek();
  if (person.kind !== "signed-in") throw new SignedOut();
  const reply = asking(newSent(asked, person.userId, newestIn(asked.conversation), Date.now()));
  keepBeforeSending(reply);
  start(reply);
}

/** Asks for the same message again: with its own key where it may have been charged. */
export function askAgain(reply: Reply, model: string | null): void {
  const { sent } = reply;
  const now = aged(reply, Date.now());
  // The page may have been open for a day.
  if (now !== reply) replyIn(sent.conversation).value = now;
  else if (isSettled(reply)) ask(newSent({ ...sent, model }, sent.userId, newestIn(sent.conversation), Date.now()));
  else if (isOpen(reply)) ask(sent, true);
  else ask(sentAgain(sent, { ...sent, model }, Date.now()));
}

/** The newest message of a conversation: one that the page has read there, or the last that it sent. Ids grow with time. */
function newestIn(conversation: string): string | null {
  const ids = [newestKnown(conversation), replyIn(conversation).peek()?.id].filter((id) => typeof id === "string");
  return ids.sort().at(-1) ?? null;
}

/** Stops reading. The model writes on, and its reply is charged. */
export function stop(conversation: string): void {
  tell(conversation, { kind: "stop" });
  readers.get(conversation)?.abort();
  readers.delete(conversation);
  searchLater(conversation, 0);
  balanceHasChanged();
}

/** Takes a message off the page: one that was refused, or that the person gives up. */
export function dismiss(conversation: string): void {
  clearTimeout(timers.get(conversation));
  readers.get(conversation)?.abort();
  readers.delete(conversation);
  replyIn(conversation).value = null;
  drop(conversation);
}

/** `isRepeated`: an earlier request with the same key may have been charged. */
function ask(sent: Sent, isRepeated = false): void {
  const reply = asking(sent, isRepeated);
  try {
    // Kept before it is sent: whatever happens then, the key is known.
    keepBeforeSending(reply);
  } catch (error) {
    replyIn(sent.conversation).value = next(reply, notSentBy(error));
    return;
  }
  start(reply);
}

/** Sends a message that is kept. */
function start(reply: Reply): void {
  const { conversation } = reply.sent;
  clearTimeout(timers.get(conversation));
  readers.get(conversation)?.abort();
  replyIn(conversation).value = reply;
  void read(reply.sent);
}

async function read(sent: Sent): Promise<void> {
  const { conversation } = sent;
  const reader = new AbortController();
  readers.set(conversation, reader);
  // After a stop, or when the same key was sent again, what this request says is not heard.
  const isHeard = () => readers.get(conversation) === reader;
  const buffer = new TextBuffer((text) => isHeard() && tell(conversation, { kind: "text", text }));
  const hear = (event: ReplyEvent) => {
    if (!isHeard()) return;
    if (event.kind === "text") return buffer.add(event.text);
    buffer.flush();
    tell(conversation, event);
    // Credits are held for it now.
    if (event.kind === "opened") balanceHasChanged();
  };
  try {
    await readReply(sent, reader.signal, hear);
  } catch (error) {
    hear(afterError(error));
  }
  buffer.flush();
  if (isHeard()) readers.delete(conversation);
  await afterReading(conversation);
}

function afterError(error: unknown): ReplyEvent {
  if (error instanceof NotSent) return notSentBy(error);
  return { kind: "cut", ...(error instanceof Unreachable ? { sentence: error.message } : {}) };
}

function notSentBy(error: unknown): ReplyEvent {
  // The note says whether the message may have been charged by an earlier request; this sentence says the cause alone.
  const reason = error instanceof NotSent && error.cause instanceof Error ? error.cause : error;
  return { kind: "not-sent", sentence: reason instanceof Error ? reason.message : `${reason}` };
}

async function afterReading(conversation: string): Promise<void> {
  const reply = replyIn(conversation).peek();
  if (reply === null) return;
  if (reply.stage.kind === "in-progress") return askLater(conversation, reply.sent, reply.stage.until);
  balanceHasChanged();
  if (isSettled(reply)) await settle(conversation);
  else if (isOpen(reply) && !isReading(reply)) searchLater(conversation, 0);
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

/** Sends the same key again at `until`, while the server answers the first request with it. */
function askLater(conversation: string, sent: Sent, until: number): void {
  clearTimeout(timers.get(conversation));
  const again = setTimeout(() => ask(sent, true), Math.max(until - Date.now(), 0));
  timers.set(conversation, again);
}

/** Searches after a pause for a message whose request is over. `searches` counts those of before. */
function searchLater(conversation: string, searches: number): void {
  clearTimeout(timers.get(conversation));
  if (replyIn(conversation).peek() === null || searches >= MOST_SEARCHES) return;
  const pause = SEARCH_PAUSES_MS[searches] ?? LATER_SEARCH_PAUSE_MS;
  const search = setTimeout(() => void searchIn(conversation, searches), pause);
  timers.set(conversation, search);
}

/** Reads the conversation, and asks no model: the first request may not have arrived, and then asking would buy the reply. */
async function searchIn(conversation: string, searches: number): Promise<void> {
  const reply = replyIn(conversation).peek();
  if (reply === null || !isOpen(reply) || isReading(reply)) return;
  try {
    const stored = storedOf(reply, await readNewest(conversation));
    if (stored !== undefined) {
      tell(conversation, { kind: "seen", id: stored.id, cost: stored.tokens, text: stored.response });
      replyIn(conversation).value = null;
      balanceHasChanged();
      return;
    }
  } catch {
    // The next search may read it, or the person asks.
  }
  const now = replyIn(conversation).peek();
  if (now !== null) replyIn(conversation).value = aged(now, Date.now());
  searchLater(conversation, searches + 1);
}
