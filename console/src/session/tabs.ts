/**
 * The other tabs of this console in the same browser. They share one session, and so one access token: a tab that needs a new one
 * asks the others before it asks the server, and no two ask the server at once. Nothing is stored.
 */

import { scoped } from "../api/base.ts";
import { type AccessToken, isFresh } from "./access_token.ts";

type Word = { kind: "token"; token: AccessToken } | { kind: "token-wanted" } | { kind: "signed-out" };

/** How long a tab waits for another tab's token. Tabs answer within a few milliseconds, and a frozen one never. */
const PATIENCE_MS = 60;

const REFRESH_LOCK = scoped("refresh");
const LOCKS: LockManager | undefined = navigator.locks;

export interface TabHandlers {
  /** The token that this tab has. */
  token(): AccessToken | null;
  /** Another tab has a token. */
  received(token: AccessToken): void;
  /** Another tab has signed out. */
  signedOut(): void;
}

export class Tabs {
  readonly #channel = new BroadcastChannel(scoped("session"));
  readonly #handlers: TabHandlers;
  #waiting: Array<() => void> = [];
  /** Ends when no work of this tab is left. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(handlers: TabHandlers) {
    this.#handlers = handlers;
    this.#channel.onmessage = ({ data }: MessageEvent<Word>) => this.#hear(data);
  }

  #hear(word: Word): void {
    if (word.kind === "signed-out") this.#handlers.signedOut();
    if (word.kind === "token-wanted") {
      const token = this.#handlers.token();
      if (token !== null && isFresh(token, Date.now())) this.#channel.postMessage({ kind: "token", token });
    }
    if (word.kind === "token") {
      this.#handlers.received(word.token);
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  tellToken(token: AccessToken): void {
    this.#channel.postMessage({ kind: "token", token });
  }

  tellSignedOut(): void {
    this.#channel.postMessage({ kind: "signed-out" });
  }

  /** Runs `work` when no other runs: of all tabs where the browser has locks, which takes `https` or the machine itself; else of this one. */
  oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    if (LOCKS) return LOCKS.request(REFRESH_LOCK, work) as Promise<T>;
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /**
   * Comes back when another tab has told its token, or when none does. Whether there is another tab cannot be asked beforehand: a
   * lock that each tab holds would tell it, but it bars the page from the browser's back/forward cache.
   */
  async askForToken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      setTimeout(resolve, PATIENCE_MS);
      this.#channel.postMessage({ kind: "token-wanted" });
    });
  }
}
