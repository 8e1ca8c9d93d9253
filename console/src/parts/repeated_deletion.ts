/** A deletion that may take several requests: the same request is repeated until nothing is left. */

import { ApiProblem, outcomeIsUnknown } from "../api/problem.ts";

/** Requests of one deletion. What is left afterwards, the operator's audit finishes. */
const MOST_TRIES = 60;
const PAUSE_MS = 1000;
const MOST_PAUSE_MS = 10_000;

type Wait = (milliseconds: number) => Promise<void>;

const wait: Wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Repeats `request` while the server is busy with the deletion or the answer is lost. `isGone` reads the error of a repetition: an
 * earlier request may have finished the deletion. The error of the first request is never read so.
 */
export async function repeatDeletion(
  request: () => Promise<unknown>,
  isGone: (error: unknown) => boolean,
  pause: Wait = wait,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await request();
      return;
    } catch (error) {
      if (tries > 1 && isGone(error)) return;
      if (!goesOn(error) || tries === MOST_TRIES) throw error;
      await pause(pauseAfter(error));
    }
  }
}

/** A request that was aborted, as by the end of the session, is not repeated: a repetition would be aborted too. */
function goesOn(error: unknown): boolean {
  return outcomeIsUnknown(error) && !(error instanceof DOMException);
}

function pauseAfter(error: unknown): number {
  const seconds = error instanceof ApiProblem ? error.retryAfterSeconds : null;
  return Math.min(seconds === null ? PAUSE_MS : seconds * 1000, MOST_PAUSE_MS);
}
