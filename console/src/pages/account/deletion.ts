/** The deletion of the account, which may take several requests. */

import { addressOf } from "../../api/base.ts";
import { ApiProblem, problemOf, Unreachable } from "../../api/problem.ts";
import { fetchByOneToken } from "../../session/session.ts";

/** How often the request is repeated. After that the operator's audit finishes the deletion. */
const MOST_TRIES = 60;
const PAUSE_MS = 1000;
const MOST_PAUSE_MS = 10_000;

type Send = (request: Request) => Promise<Response>;
type Wait = (milliseconds: number) => Promise<void>;

const wait: Wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Deletes the account: the same request goes on until nothing is left. */
export async function deleteAccount(password: string): Promise<void> {
  await deleteBy(await fetchByOneToken(), password);
}

/** The access token that began a deletion goes on opening it, and nothing else. */
export async function deleteBy(send: Send, password: string, pause: Wait = wait): Promise<void> {
  let hasBegun = false;
  for (let tries = 1; ; tries += 1) {
    const outcome = await oneRequest(send, password);
    if (outcome === "deleted") return;
    // Somebody who repeats a deletion that was finished has no account, and so no token.
    if (hasBegun && outcome instanceof ApiProblem && outcome.status === 401) return;
    const goesOn = outcome instanceof Unreachable || outcome.status >= 500;
    if (!goesOn || tries === MOST_TRIES) throw outcome;
    hasBegun = true;
    const seconds = outcome instanceof ApiProblem ? outcome.retryAfterSeconds : null;
    await pause(Math.min(seconds === null ? PAUSE_MS : seconds * 1000, MOST_PAUSE_MS));
  }
}

async function oneRequest(send: Send, password: string): Promise<"deleted" | ApiProblem | Unreachable> {
  const request = new Request(addressOf("account/"), {
    method: "DELETE",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ password }),
  });
  try {
    const answer = await send(request);
    return answer.ok ? "deleted" : await problemOf(answer);
  } catch (error) {
    if (error instanceof Unreachable) return error;
    throw error;
  }
}
