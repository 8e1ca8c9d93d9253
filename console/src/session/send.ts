/** Requests without a person: the cookie of the session goes to the paths that deal with it alone. */

import { addressOf } from "../api/base.ts";
import { problemOf, Unreachable } from "../api/problem.ts";

const COOKIE_SESSION = { "X-Session": "cookie" };

/** Limit of a request about the cookie, since other tabs wait for it. */
const SESSION_TIMEOUT_MS = 20_000;

/** Limit of a request whose answer is short. API Gateway gives up sooner. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Sends a request, and throws `Unreachable` if it gets no answer. */
export async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request, { credentials: "same-origin", cache: "no-store", referrerPolicy: "no-referrer" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable(error);
  }
}

/** The request with further signals, each of which ends it. */
export function withSignals(request: Request, ...signals: AbortSignal[]): Request {
  return new Request(request, { signal: AbortSignal.any([request.signal, ...signals]) });
}

/** The request, which ends when its short answer is late. The time begins now. */
export function withTimeout(request: Request): Request {
  return withSignals(request, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
}

/** Posts to a path that deals with the cookie. */
export async function postByCookie(path: string, body: unknown): Promise<Response> {
  const answer = await send(
    new Request(addressOf(path), {
      method: "POST",
      headers: { "Content-Type": "application/json", ...COOKIE_SESSION },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(SESSION_TIMEOUT_MS),
    }),
  );
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}
