/** The button below a list that has another page. */

import type { UseInfiniteQueryResult } from "@tanstack/preact-query";
import { useRef } from "preact/hooks";
import { announce } from "./announcer.tsx";
import { ProblemNote } from "./problem_note.tsx";

type Pages = Pick<
  UseInfiniteQueryResult,
  "hasNextPage" | "fetchNextPage" | "isFetchingNextPage" | "isFetchNextPageError" | "error"
>;

export function MoreButton({ query }: { query: Pages }) {
  const place = useRef<HTMLDivElement>(null);
  if (!query.hasNextPage) return null;
  const more = async () => {
    const list = place.current?.previousElementSibling ?? null;
    const { isError } = await query.fetchNextPage();
    if (isError) return;
    announce("More is shown.");
    // With the last page the button is gone, and the focus with it.
    requestAnimationFrame(() => focusInstead(list));
  };
  return (
    <div ref={place} class="more">
      <ProblemNote error={query.isFetchNextPageError ? query.error : null} />
      <button type="button" class="secondary" aria-busy={query.isFetchingNextPage} onClick={() => void more()}>
        Show more
      </button>
    </div>
  );
}

/** Gives a focus that was lost to the list, or to the heading where the list takes none. */
export function focusInstead(list: Element | null): void {
  if (document.activeElement !== document.body) return;
  const focusable = list?.matches("[tabindex]") ? list : (list?.querySelector("[tabindex]") ?? null);
  const goal = focusable ?? document.querySelector("h1");
  if (goal instanceof HTMLElement) goal.focus({ preventScroll: true });
}
