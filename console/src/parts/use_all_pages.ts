/** Reads all pages of a list, one after the other, while that is wanted. A page that failed stops it. */

import type { UseInfiniteQueryResult } from "@tanstack/preact-query";
import { useEffect } from "preact/hooks";

type Pages = Pick<UseInfiniteQueryResult, "hasNextPage" | "fetchNextPage" | "isFetching" | "isFetchNextPageError">;

export function useAllPages(query: Pages, isWanted = true): void {
  const isNext = isWanted && query.hasNextPage && !query.isFetching && !query.isFetchNextPageError;
  useEffect(() => {
    if (isNext) void query.fetchNextPage();
  }, [isNext]);
}
