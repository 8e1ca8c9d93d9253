/**
 * The API, typed by its own document. A call is `await answered(api.GET("/keys/"))`: the body, or an ApiProblem is thrown.
 *
 * `api` sends the token of the person who is signed in, and `anonymous` sends none.
 */

import createClient from "openapi-fetch";
import { send, withTimeout } from "../session/send.ts";
import { authorizedCall } from "../session/session.ts";
import { BASE } from "./base.ts";
import { NotSent, problemIn, Unreachable } from "./problem.ts";
import type { components, paths } from "./schema.d.ts";

// The tables that some paths also answer are asked for by `saveTable` alone.
export const api = createClient<paths, "application/json">({ baseUrl: BASE.href, fetch: authorizedCall });

export const anonymous = createClient<paths, "application/json">({
  baseUrl: BASE.href,
  fetch: (request) => send(withTimeout(request)),
});

/** A body of the API by the name that it has in the document: `Schema<"ApiKey">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

interface Called<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer that is a success. */
export async function answered<T>(call: Promise<Called<T>>): Promise<T> {
  return (await answeredInFull(call)).body;
}

/** The body and the headers of an answer that is a success. */
export async function answeredInFull<T>(call: Promise<Called<T>>): Promise<{ body: T; headers: Headers }> {
  const { data, error, response } = await call.catch(asUnreachable);
  if (!response.ok) throw problemIn(response, error);
  return { body: data as T, headers: response.headers };
}

/** Throws an error of a call again. A body that broke off on the way has errors of many types, and means that there is no answer. */
function asUnreachable(error: unknown): never {
  const isKnown = error instanceof Unreachable || error instanceof NotSent;
  const isGivenUp = error instanceof DOMException && error.name === "AbortError";
  throw isKnown || isGivenUp ? error : new Unreachable(error);
}
