/** What can be done with messages and their replies: send, ask again, stop, dismiss. A reply goes on while another page is shown. */

import { SignedOut, Unreachable } from "../api/problem.ts";
import { balanceHasChanged, queryClient } from "../api/queries.ts";
import { onSignedOut, session } from "../session/session.ts";
import { messagesQuery, newestKnown, readNewest } from "./messages.ts";
import { conversationsWithReply, replyIn, tell } from "./reply_signals.ts";
import { aged, asking, isOpen, isReading, isSettled, type Reply, type ReplyEvent, storedOf } from "./reply_state.ts";
import { readReply } from "./reply_stream.ts";
import { type Asked, newSent, type Sent, sentAgain } from "./sent.ts";
import { drop, keepBeforeSending } from "./sent_store.ts";
import { Words } from "./words.ts";

/** How long to wait before the conversation is read again for a reply that nobody reads. */
const LOOKS_MS = [2_000, 3_000, 5_000, 10_000, 20_000, 30_000];
/** Then once a minute, for as long as a reply may take. */
const LATER_LOOKS_MS = 60_000;
const MOST_LOOKS = 25;

const readers = new Map<string, AbortController>();
const looks = new Map<string, ReturnType<typeof setTimeout>>();

onSignedOut(() => {
  for (const reader of readers.values()) reader.abort();
  for (const timer of looks.values()) clearTimeout(timer);
  readers.clear();
  looks.clear();
});

/** Who comes back to the page wants to know what became of what was sent. */
function lookAgain(): void {
  if (document.visibilityState === "hidden") return;
  for (const conversation of conversationsWithReply()) resume(conversation);
}
addEventListener("online", lookAgain);
document.addEventListener("visibilitychange", lookAgain);

/** Looks for the reply to a message that was under way when the page was left. Who opens its conversation calls it. */
export function resume(conversation: string): void {
  const reply = replyIn(conversation).peek();
  if (reply !== null && isOpen(reply) && !isReading(reply)) lookLater(conversation, 0);
}

/** Sends a message that nobody has sent before. */
export function send(asked: Asked): void {
  const person = session.peek();
  if (person.kind !== "signed-in") throw new SignedOut();
  ask(newSent(asked, person.userId, newestIn(asked.conversation), Date.now()));
}

/** Asks for the same message again: with its own key where it may have been charged. */
export function askAgain(reply: Reply, model: string | null): void {
  const { sent } = reply;
  const now = aged(reply, Date.now());
  // The page may have been open for a day.
  if (now !== reply) replyIn(sent.conversation).value = now;
  else if (isSettled(reply)) ask(newSent({ ...sent, model }, sent.userId, newestIn(sent.conversation), Date.now()));
  else if (isOpen(reply)) ask(sent);
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
  lookLater(conversation, 0);
  balanceHasChanged();
}

/** Takes a message off the page that was refused, or that nobody wants to ask for any more. */
export function dismiss(conversation: string): void {
  clearTimeout(looks.get(conversation));
  readers.get(conversation)?.abort();
  readers.delete(conversation);
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
  // After a stop, or when the same key was sent again, nobody listens.
  const isHeard = () => readers.get(conversation) === reader;
  const words = new Words((text) => isHeard() && tell(conversation, { kind: "text", text }));
  const hear = (event: ReplyEvent) => {
    if (!isHeard()) return;
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
  if (isHeard()) readers.delete(conversation);
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

/** Looks after a while what became of a message whose reply nobody reads. */
function lookLater(conversation: string, look: number): void {
  clearTimeout(looks.get(conversation));
  const reply = replyIn(conversation).peek();
  if (reply === null) return;
  if (reply.stage.kind === "in-progress") {
    const wait = Math.max(reply.stage.until - Date.now(), 0);
    looks.set(
      conversation,
      setTimeout(() => ask(reply.sent), wait),
    );
  } else if (look < MOST_LOOKS) {
    const wait = LOOKS_MS[look] ?? LATER_LOOKS_MS;
    looks.set(
      conversation,
      setTimeout(() => void lookAt(conversation, look), wait),
    );
  }
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
      return;
    }
  } catch {
    // There will be another look, or the person asks.
  }
  const now = replyIn(conversation).peek();
  if (now !== null) replyIn(conversation).value = aged(now, Date.now());
  lookLater(conversation, look + 1);
}
