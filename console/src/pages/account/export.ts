/** The export of an account, as lines of JSON, page by page. An export that stopped goes on where it was. */

import { addressOf } from "../../api/base.ts";
import { problemOf } from "../../api/problem.ts";
import { authorizedFetch, sessionSignal } from "../../session/session.ts";

export interface Progress {
  pages: number;
  bytes: number;
}

/** Requests for one page whose answers are cut on the way. */
const MOST_TRIES = 4;
/** The limit of an export: of 1 MiB each, these pages are more than a browser saves. */
const MOST_PAGES = 100_000;

type Fetch = (address: string, signal: AbortSignal) => Promise<string>;

export class Export {
  /** The pages so far, as blobs: the browser may keep those on disk. */
  readonly #pages: Blob[] = [];
  /** The cursor of the page that comes next: `null` before the first, `"end"` after the last. */
  #next: string | null | "end" = null;
  #bytes = 0;
  readonly #fetch: Fetch;

  constructor(fetch: Fetch = fetchPage) {
    this.#fetch = fetch;
  }

  get progress(): Progress {
    return { pages: this.#pages.length, bytes: this.#bytes };
  }

  /**
   * Reads the further pages. It may be called again after it failed or was stopped. An export that was stopped, or whose session
   * has ended, returns no pages.
   */
  async read(stop: AbortSignal, onProgress: (progress: Progress) => void): Promise<Blob[]> {
    const signal = AbortSignal.any([stop, sessionSignal()]);
    signal.throwIfAborted();
    while (this.#next !== "end") {
      if (this.#pages.length === MOST_PAGES) throw new Error("This is too much for one file.");
      const { text, next } = await this.#wholePage(this.#next, signal);
      signal.throwIfAborted();
      const page = new Blob([text]);
      this.#pages.push(page);
      this.#bytes += page.size;
      this.#next = next ?? "end";
      onProgress(this.progress);
    }
    return this.#pages;
  }

  /** A page with its last line. A page that was cut on the way is asked for again, by the same cursor. */
  async #wholePage(cursor: string | null, signal: AbortSignal): Promise<{ text: string; next: string | null }> {
    const query = cursor === null ? "" : `?${new URLSearchParams({ cursor })}`;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      signal.throwIfAborted();
      const text = await this.#fetch(addressOf(`export/${query}`), signal);
      const last = lastLineOf(text);
      if (last !== null) return { text, next: last.next };
    }
    throw new Error("The answers break off on the way. Go on when the connection is better.");
  }
}

/** The last line of a page, which has the next cursor; `null` if the page was cut. */
export function lastLineOf(page: string): { next: string | null } | null {
  const lines = page.trimEnd();
  try {
    const last = JSON.parse(lines.slice(lines.lastIndexOf("\n") + 1));
    return last.type === "page" ? { next: last.next } : null;
  } catch {
    return null;
  }
}

async function fetchPage(address: string, signal: AbortSignal): Promise<string> {
  const answer = await authorizedFetch(new Request(address, { signal }));
  if (!answer.ok) throw await problemOf(answer);
  try {
    return await answer.text();
  } catch (error) {
    if (signal.aborted) throw error;
    // The connection broke in the middle: the page is not whole.
    return "";
  }
}
