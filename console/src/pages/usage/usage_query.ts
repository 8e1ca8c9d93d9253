/** The usage of a period at the API. */

import { type InfiniteData, infiniteQueryOptions, type UseInfiniteQueryResult } from "@tanstack/preact-query";
import { useEffect, useMemo } from "preact/hooks";
import { answered, api } from "../../api/client.ts";
import type { Period } from "../../parts/days.ts";
import type { UsageRow } from "./sums.ts";

/** The lag of the sums from which on the page speaks of it. Clocks differ by some seconds. */
const LAG_MS = 120_000;
const DAY_MS = 86_400_000;

export function usageQuery({ from, to }: Period) {
  return infiniteQueryOptions({
    queryKey: ["usage", from, to],
    queryFn: ({ pageParam }) => answered(api.GET("/usage/", { params: { query: { from: pageParam, to } } })),
    initialPageParam: from,
    getNextPageParam: (page) => page.next,
  });
}

/** Reads one page after the other. `parts/use_all_pages.ts` takes its place: this one goes with its last caller in staff/. */
export function useAllPages<P extends { usage: UsageRow[] }>(query: UseInfiniteQueryResult<InfiniteData<P>, Error>) {
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  const pages = query.data?.pages;
  const rows = useMemo(() => pages?.flatMap((page) => page.usage), [pages]);
  return { pages, rows };
}

/** Whether messages of the period that were charged by `now` may be missing. */
export function isBehind(asOf: string, { to }: Period, now: number): boolean {
  return Date.parse(asOf) < Math.min(now - LAG_MS, Date.parse(to) + DAY_MS);
}
