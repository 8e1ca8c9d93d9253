/** The usage of a period at the API. */

import { infiniteQueryOptions } from "@tanstack/preact-query";
import { answered, api } from "../../api/client.ts";
import type { Period } from "../../parts/days.ts";

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

/** Whether messages of the period that were charged by `now` may be missing. */
export function isBehind(asOf: string, { to }: Period, now: number): boolean {
  return Date.parse(asOf) < Math.min(now - LAG_MS, Date.parse(to) + DAY_MS);
}
