/**
 * The session of the person who is signed in. The access token is in this module's memory and nowhere else; the refresh token is in
 * a cookie that no script can read (docs/decisions/cookie-sessions.md). Begin with `authorizedFetch`.
 */

import { computed, signal } from "@preact/signals";
import { addressOf, scoped } from "../api/base.ts";
import { Cancelled, isProblem, NotSent, problemOf, SignedOut } from "../api/problem.ts";
import { browserStore, tabStore } from "../parts/store.ts";
import { type AccessToken, accessToken, isFresh } from "./access_token.ts";
import { askForPassword, settlePassword } from "./password_request.ts";
import { postByCookie, send, withSignals, withTimeout } from "./send.ts";
import { Tabs } from "./tabs.ts";

export type Session =
  /** The page has just been opened, and the server has not said yet whether its cookie is good. */
  | { kind: "unknown" }
  /** The server did not say it: it could not be reached, or it is busy. */
  | { kind: "unreachable"; error: Error }
  | { kind: "signed-out" }
  | { kind: "signed-in"; userId: string };

/** The person whose drafts this tab has. */
const LAST_USER = scoped("last user");
/** Says that this browser has had a session here, so that a stranger's first visit asks the server nothing. No secret. */
const HAS_SESSION = scoped("has session");

const state = signal<Session>({ kind: "unknown" });
const name = signal<string | null>(null);
let token: AccessToken | null = null;
/** Ends the requests of a person who is forgotten. */
let life = new AbortController();

export const session = computed(() => state.value);
/** The name of the person, once the server has said it. */
export const username = computed(() => name.value);

/** Ends when the person signs out or is another one. A loop of requests takes it once and gives it to each of them. */
export function sessionSignal(): AbortSignal {
  return life.signal;
}

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

// A page that the browser had put aside has heard nothing of the other tabs.
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted || state.peek().kind !== "signed-in") return;
  if (browserStore.get(HAS_SESSION) === null) drop();
  else
    refreshed(token).catch(() => {
      // The next request of the page finds out what is wrong.
    });
});

function take(next: AccessToken): void {
  if (tabStore.get(LAST_USER) !== next.userId) forget();
  token = next;
  browserStore.set(HAS_SESSION, "yes");
  tabStore.set(LAST_USER, next.userId);
  const before = state.peek();
  if (before.kind !== "signed-in" || before.userId !== next.userId)
    state.value = { kind: "signed-in", userId: next.userId };
  settlePassword(true, "expired");
}

function forget(): void {
  token = null;
  name.value = null;
  for (const forget of forgetters) forget();
  life.abort();
  life = new AbortController();
}

function drop(): void {
  forget();
  endHere();
}

/** Ends the session in this tab. Drafts stay, for the same person to go on with. */
export function endHere(): void {
  token = null;
  browserStore.remove(HAS_SESSION);
  state.value = { kind: "signed-out" };
  settlePassword(false);
}

/** The name as the server writes it. */
export function learnUsername(known: string): void {
  name.value = known;
}

/** Finds out whether the cookie of an earlier visit is good. */
export function begin(): void {
  if (browserStore.get(HAS_SESSION) === null) {
    state.value = { kind: "signed-out" };
    return;
  }
  state.value = { kind: "unknown" };
  refreshed(null).catch((error: Error) => {
    if (isOver(error)) endHere();
    else state.value = { kind: "unreachable", error };
  });
}

/** Begins a session. In place of one that is there already, it ends that one. */
export async function signIn(username: string, password: string): Promise<void> {
  const before = token;
  const answer = await tabs.oneAtATime(async () => (await postByCookie("login/", { username, password })).json());
  const next = accessToken(answer.access_token, Date.now());
  take(next);
  name.value = answer.user;
  tabs.tellToken(next);
  settlePassword(true);
  if (before !== null && before.userId === next.userId && before.sessionId !== next.sessionId) {
    await endSession(before.sessionId).catch(() => {
      // It ends by itself, and can be ended in the list of sessions.
    });
  }
}

async function endSession(id: string): Promise<void> {
  await authorizedFetch(new Request(addressOf(`sessions/${id}/`), { method: "DELETE" }));
}

/**
 * Ends this session, or all of the person's, and then their API keys too if that is asked for. After an error the session lives on,
 * in a cookie that no script can delete: `leave` forgets the person all the same.
 */
export async function signOut(ends: { everywhere?: boolean; keys?: boolean } = {}): Promise<void> {
  try {
    await tabs.oneAtATime(() => postByCookie("logout/", ends));
  } catch (error) {
    // A session that is over needs no end, but its end was not that of the others.
    if (ends.everywhere === true || !isOver(error)) throw error;
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
  const answer = await (await postByCookie("token/refresh/", {})).json();
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
  const only = await tokenOf(personNow(), token);
  return (request) => send(authorized(request, only));
}

/** The id of the person whose page sends a request. */
function personNow(): string {
  const now = state.peek();
  if (now.kind !== "signed-in") throw new SignedOut();
  return now.userId;
}

/** A good token of the person `userId`, other than `stale`. Throws `NotSent` if there is none. */
async function tokenOf(userId: string, stale: AccessToken | null): Promise<AccessToken> {
  try {
    const good = await anyGoodToken(stale);
    // Another tab may have signed somebody else in, who must not pay for the requests of this person.
    if (good.userId !== userId) throw new SignedOut();
    return good;
  } catch (error) {
    throw error instanceof NotSent ? error : new NotSent(error);
  }
}

/** A good token, after the person has signed in again if the session is over. */
async function anyGoodToken(stale: AccessToken | null): Promise<AccessToken> {
  if (token !== null && token !== stale && isFresh(token, Date.now())) return token;
  if (state.peek().kind === "signed-out") throw new SignedOut();
  try {
    return await refreshed(stale);
  } catch (error) {
    if (!isOver(error)) throw error;
    if (!(await askForPassword("expired")) || token === null) throw new SignedOut();
    return token;
  }
}

function isOver(error: unknown): boolean {
  return ["not_authenticated", "token_not_valid", "user_inactive"].some((code) => isProblem(error, code));
}

/**
 * Sends a request for the person, for as long as its answer takes. A token that has ended is replaced, and the request is sent
 * again, once.
 */
export function authorizedFetch(request: Request): Promise<Response> {
  return fetchAs(request, (request) => request);
}

/** Sends a request whose answer is short, and gives it up after a minute. The time in which a password is typed does not count. */
export function authorizedCall(request: Request): Promise<Response> {
  return fetchAs(request, withTimeout);
}

async function fetchAs(request: Request, limited: (request: Request) => Request): Promise<Response> {
  const person = personNow();
  const signal = sessionSignal();
  const sendBy = (request: Request, token: AccessToken) =>
    send(limited(withSignals(authorized(request, token), signal)));
  const first = await tokenOf(person, null);
  const answer = await sendBy(request.clone(), first);
  if (answer.status !== 401 || !(await isOfToken(answer.clone()))) return answer;
  return sendBy(request, await tokenOf(person, first));
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
export async function withRecentLogin<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isProblem(error, "login_required_again")) throw error;
    if (!(await askForPassword("recent"))) throw new Cancelled();
    return act();
  }
}
