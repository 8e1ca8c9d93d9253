/** A message that was sent and is not settled: what a repetition must say again, word for word, to cost nothing twice. */

import { newKey } from "../api/new_key.ts";

export interface Sent {
  /** The idempotency key. The server knows it for 24 hours. */
  readonly key: string;
  readonly message: string;
  /** The model exactly as it was sent: to the server an id and its alias are two. */
  readonly model: string | null;
  readonly conversation: string;
  readonly userId: string;
  /** Milliseconds since the Unix epoch. */
  readonly sentAt: number;
  /** The newest message of the conversation that the page knew. The one that was sent is later. */
  readonly after: string | null;
}

/** A message before it has a key. */
export interface Asked {
  message: string;
  model: string | null;
  conversation: string;
}

/** The server forgets a key after 24 hours. A page whose clock is a little off still gives it up before that. */
const KEY_LIFE_MS = 23 * 60 * 60 * 1000;

export function newSent(asked: Asked, userId: string, after: string | null, now: number): Sent {
  return { ...asked, key: newKey(), userId, sentAt: now, after };
}

/** Whether the key is still good for a repetition. */
export function isRepeatable(sent: Sent, now: number): boolean {
  return now - sent.sentAt < KEY_LIFE_MS;
}

/** The same message with the same key if nothing of it was changed, or else a new message. */
export function sentAgain(sent: Sent, asked: Asked, now: number): Sent {
  const isSame =
    sent.message === asked.message && sent.model === asked.model && sent.conversation === asked.conversation;
  return isSame && isRepeatable(sent, now) ? sent : newSent(asked, sent.userId, sent.after, now);
}

/** The body of the request. */
export function bodyOf({ message, model, conversation }: Asked): string {
  return JSON.stringify({ message, conversation, ...(model === null ? {} : { model }) });
}
