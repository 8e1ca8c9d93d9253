/**
 * Who is signed in. The access token is in this module's memory and nowhere else; the refresh token is in a cookie that no script
 * can read (docs/decisions/cookie-sessions.md). Begin with `authorizedFetch`.
 */

import { computed, signal } from "@preact/signals";
import { addressOf, named } from "../api/base.ts";
import { ApiProblem, isProblem, problemOf, SignedOut, Unreachable } from "../api/problem.ts";
import { type AccessToken, accessToken, isFresh } from "./access_token.ts";
import { Tabs } from "./tabs.ts";

export type Session =
  /** The page has just been opened, and the server has not said yet whether its cookie is good. */
  | { kind: "unknown" }
  /** It could not be asked. */
  | { kind: "unreachable" }
  | { kind: "signed-out" }
  | { kind: "signed-in"; userId: string };

/** Why a password is asked for over a page. */
export type PasswordReason = "expired" | "recent";

interface PasswordRequest {
  reason: PasswordReason;
  /** Ends the request: `true` after a login, `false` if there will be none. */
  settle(signedIn: boolean): void;
  settled: Promise<boolean>;
}

const COOKIE_SESSION = { "X-Session": "cookie" };
/** Whose drafts this tab has. */
const LAST_USER = named("last user");
/** Says that this browser has had a session here, so that a stranger's first visit asks the server nothing. No secret. */
const HAS_SESSION = named("has session");

const state = signal<Session>({ kind: "unknown" });
const wanted = signal<PasswordRequest | null>(null);
const name = signal<string | null>(null);
let token: AccessToken | null = null;

export const session = computed(() => state.value);
export const passwordWanted = computed(() => wanted.value);
/** The name of the person, once the server has said it. */
export const username = computed(() => name.value);

const forgetters: Array<() => void> = [];

/** `forget` is called when the person signs out or is another one. */
export function onSignedOut(forget: () => void): void {
  forgetters.push(forget);
}

const tabs = new Tabs({
  token: () => token,
  received: (received) => {
    if (token === null || token.userId !== received.userId || token.goodUntil < received.goodUntil) take(received);
  },
  signedOut: () => drop(),
});

function take(next: AccessToken): void {
  if (sessionStorage.getItem(LAST_USER) !== next.userId) forget();
  token = next;
  localStorage.setItem(HAS_SESSION, "yes");
  sessionStorage.setItem(LAST_USER, next.userId);
  const before = state.peek();
  if (before.kind !== "signed-in" || before.userId !== next.userId)
    state.value = { kind: "signed-in", userId: next.userId };
  if (wanted.peek()?.reason === "expired") wanted.peek()?.settle(true);
}

function forget(): void {
  token = null;
  name.value = null;
  for (const forget of forgetters) forget();
}

function drop(): void {
  forget();
  end();
  wanted.peek()?.settle(false);
}

/** The session is over. What was typed stays, for the same person to go on with. */
function end(): void {
  token = null;
  localStorage.removeItem(HAS_SESSION);
  state.value = { kind: "signed-out" };
}

/** The name as the server writes it. */
export function learnUsername(known: string): void {
  name.value = known;
}

/** Finds out whether the cookie of an earlier visit is good. */
export function begin(): void {
  if (localStorage.getItem(HAS_SESSION) === null) {
    state.value = { kind: "signed-out" };
    return;
  }
  state.value = { kind: "unknown" };
  refreshed(null).catch((error: unknown) => {
    if (error instanceof ApiProblem && error.status < 500) end();
    else state.value = { kind: "unreachable" };
  });
}

/** How long an answer about the cookie may take, since other tabs wait for it. */
const SESSION_TIMEOUT_MS = 20_000;

/** Sends a request, and throws `Unreachable` if it gets no answer. */
export async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request, { credentials: "same-origin", cache: "no-store", referrerPolicy: "no-referrer" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable(error);
  }
}

/** Posts to a path that deals with the cookie. */
async function post(path: string, body: unknown): Promise<Response> {
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

/** Begins a session. In place of one that is there already, it ends that one. */
export async function signIn(username: string, password: string): Promise<void> {
  const before = token;
  const answer = await tabs.oneAtATime(async () => (await post("login/", { username, password })).json());
  const next = accessToken(answer.access_token, Date.now());
  take(next);
  name.value = answer.user;
  tabs.tellToken(next);
  wanted.peek()?.settle(true);
  if (before !== null && before.userId === next.userId && before.sessionId !== next.sessionId) {
    await endSession(before.sessionId).catch(() => {
      // It ends by itself, and can be ended in the list of sessions.
    });
  }
}

async function endSession(id: string): Promise<void> {
  await authorizedFetch(new Request(addressOf(`sessions/${id}/`), { method: "DELETE" }));
}

/** Ends this session, or all of the person's, and then their API keys too if that is asked for. */
export async function signOut(ends: { everywhere?: boolean; keys?: boolean } = {}): Promise<void> {
  try {
    await tabs.oneAtATime(() => post("logout/", ends));
  } catch (error) {
    if (error instanceof Unreachable || ends.everywhere === true) throw error;
  }
  leave();
}

/** Forgets the person, here and in the other tabs, after the server has ended the session by another act. */
export function leave(): void {
  tabs.tellSignedOut();
  drop();
}

/** A token other than `stale`: this tab's, another tab's, or a new one of the server's. */
async function refreshed(stale: AccessToken | null): Promise<AccessToken> {
  return tabs.oneAtATime(async () => {
    const isGood = () => token !== null && token.jwt !== stale?.jwt && isFresh(token, Date.now());
    if (!isGood()) await tabs.askForToken();
    if (isGood() && token !== null) return token;
    return newToken();
  });
}

async function newToken(): Promise<AccessToken> {
  const answer = await (await post("token/refresh/", {})).json();
  const next = accessToken(answer.access_token, Date.now());
  take(next);
  tabs.tellToken(next);
  return next;
}

/** Replaces the access token of all tabs, after an act that has made it worthless, such as a new password. */
export async function renewToken(): Promise<void> {
  await tabs.oneAtATime(newToken);
}

/** A way to send requests by one new token, which nothing replaces: an account that is being deleted gives no other. */
export async function fetchByOneToken(): Promise<(request: Request) => Promise<Response>> {
  const only = await goodToken(token);
  return (request) => send(authorized(request, only));
}

/** A token that is good, after the person has signed in again if they have to, and of nobody but the one who had `stale`. */
async function goodToken(stale: AccessToken | null): Promise<AccessToken> {
  const good = await anyGoodToken(stale);
  // Another tab may have signed somebody else in: they do not pay for what this person asked.
  if (stale !== null && good.userId !== stale.userId) throw new SignedOut();
  return good;
}

async function anyGoodToken(stale: AccessToken | null): Promise<AccessToken> {
  if (token !== null && token !== stale && isFresh(token, Date.now())) return token;
  if (state.peek().kind === "signed-out") throw new SignedOut();
  try {
    return await refreshed(stale);
  } catch (error) {
    if (!isOver(error)) throw error;
    await askForPassword("expired");
    if (token === null) throw new SignedOut();
    return token;
  }
}

function isOver(error: unknown): boolean {
  return ["not_authenticated", "token_not_valid", "user_inactive"].some((code) => isProblem(error, code));
}

/** Sends a request for the person. A token that has ended is replaced, and the request is sent again, once. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const first = await goodToken(null);
  const answer = await send(authorized(request.clone(), first));
  if (answer.status !== 401 || !(await isOfToken(answer.clone()))) return answer;
  return send(authorized(request, await goodToken(first)));
}

function authorized(request: Request, { jwt }: AccessToken): Request {
  request.headers.set("Authorization", `Bearer ${jwt}`);
  return request;
}

/** Whether a 401 is about the token, and not about a password in the body. */
async function isOfToken(answer: Response): Promise<boolean> {
  const problem = await problemOf(answer);
  return problem.code === "token_not_valid" || problem.code === "not_authenticated";
}

/** Does an act of staff, after the person has given the password if the server wants a login of the last minutes. */
export async function recently<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isProblem(error, "login_required_again")) throw error;
    await askForPassword("recent");
    return act();
  }
}

/** Asks for the password over the page. Several requests that wait share one question. */
async function askForPassword(reason: PasswordReason): Promise<void> {
  const { settled } = wanted.peek() ?? newPasswordRequest(reason);
  if (await settled) return;
  if (reason === "expired") leave();
  throw new SignedOut();
}

function newPasswordRequest(reason: PasswordReason): PasswordRequest {
  const { promise, resolve } = withResolvers<boolean>();
  const request = {
    reason,
    settled: promise,
    settle: (signedIn: boolean) => {
      wanted.value = null;
      resolve(signedIn);
    },
  };
  wanted.value = request;
  return request;
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
