/** Files that the browser saves, from answers that want a token. */

import { addressOf } from "../api/base.ts";
import { problemOf, Unreachable } from "../api/problem.ts";
import { authorizedFetch, sessionSignal } from "../session/session.ts";

/** Most pages of one table. Of 500 transactions each they are half a million. */
const MOST_PAGES = 1000;

/** Saves all pages of a list as one table: `path` is relative, such as `usage/?from=2026-11-01`. */
export async function saveTable(path: string, fileName: string): Promise<void> {
  const parts: string[] = [];
  const signal = sessionSignal();
  let address: string | null = addressOf(path);
  for (let page = 0; address !== null; page += 1) {
    if (page === MOST_PAGES) throw new Error("The table has too many rows for one file: choose fewer days.");
    const answer: Response = await authorizedFetch(new Request(address, { headers: { Accept: "text/csv" }, signal }));
    if (!answer.ok) throw await problemOf(answer);
    const table = await answer.text().catch((error: unknown) => {
      throw signal.aborted ? error : new Unreachable(error);
    });
    // Each page begins with the same line of names.
    parts.push(page === 0 ? table : table.slice(table.indexOf("\n") + 1));
    const next: string | null = nextOf(answer);
    address = next === null ? null : new URL(next, address).href;
  }
  save(parts, "text/csv", fileName);
}

/** The address of the next page, as the header `Link` has it (RFC 8288). */
function nextOf(answer: Response): string | null {
  return answer.headers.get("Link")?.match(/^<([^>]*)>; rel="next"/)?.[1] ?? null;
}

export function save(parts: BlobPart[], type: string, fileName: string): void {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
