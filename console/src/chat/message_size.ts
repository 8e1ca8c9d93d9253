/** How long a message may be: the API takes 64 KiB, and JSON's signs around the message and within it count. */

import { type Asked, bodyOf } from "./sent.ts";

const MOST_BYTES = 64 * 1024;
/** An id of a conversation that is not there yet. */
const ID_BYTES = 26;
/** A character of a text has at most six bytes in JSON, as `\u0001` does. */
const MOST_BYTES_OF_A_CHARACTER = 6;

const ENCODER = new TextEncoder();

/** The bytes that the message may still grow by, below zero if it is too long. */
export function bytesLeft(asked: Asked): number {
  const room = MOST_BYTES - ID_BYTES - bodyOf({ ...asked, message: "", conversation: "" }).length;
  // A short text is not encoded at each key.
  const most = asked.message.length * MOST_BYTES_OF_A_CHARACTER;
  if (most < room / 2) return room - most;
  return room - (ENCODER.encode(JSON.stringify(asked.message)).length - 2);
}

export function fits(asked: Asked): boolean {
  return bytesLeft(asked) >= 0;
}
