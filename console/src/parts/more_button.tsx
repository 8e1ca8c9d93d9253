/** The button below a list that has another page. */

import type { UseInfiniteQueryResult } from "@tanstack/preact-query";
import { announce } from "./announcer.tsx";
import { ProblemNote } from "./problem_note.tsx";

type Pages = Pick<
  UseInfiniteQueryResult,
  "hasNextPage" | "fetchNextPage" | "isFetchingNextPage" | "isFetchNextPageError" | "error"
>;

export function MoreButton({ query }: { query: Pages }) {
  if (!query.hasNextPage) return null;
  const more = async () => {
    const { isError } = await query.fetchNextPage();
    if (!isError) announce("More is shown.");
  };
  return (
    <div class="more">
      <ProblemNote error={query.isFetchNextPageError ? query.error : null} />
      <button type="button" class="secondary" aria-busy={query.isFetchingNextPage} onClick={() => void more()}>
        Show more
      </button>
    </div>
  );
}
