/** The cache of reads, and the reads that several pages share. */

import { QueryClient, queryOptions } from "@tanstack/preact-query";
import { answered, answeredInFull, api } from "./client.ts";
import { ApiProblem, NotSent } from "./problem.ts";

const MOST_RETRIES = 2;
/** Credits that are held are captured or released soon. */
const HELD_INTERVAL_MS = 10_000;
/** Credits are also spent by API keys and in other tabs. Nothing is read while the page is hidden. */
const BALANCE_INTERVAL_MS = 60_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    // A browser's word that it is offline is a hint, so every request is tried.
    queries: { staleTime: 15_000, retry: mayPass, networkMode: "always" },
    // The fields of an act, among them passwords, are forgotten with the form that sent them.
    mutations: { retry: false, networkMode: "always", gcTime: 0 },
  },
});

function mayPass(failures: number, error: Error): boolean {
  return failures < MOST_RETRIES && !isFinal(error);
}

/** Whether another try of a read is in vain: a refusal is final, a busy server and a lost connection are not. */
function isFinal(error: unknown): boolean {
  if (error instanceof NotSent) return error.cause === null || isFinal(error.cause);
  return error instanceof ApiProblem && error.status < 500;
}

/** The account of the person. */
export const accountQuery = queryOptions({
  queryKey: ["account"],
  queryFn: () => answered(api.GET("/account/")),
  staleTime: 60_000,
});

/** The credits that can be spent, and those that are held for messages under way. */
export const balanceQuery = queryOptions({
  queryKey: ["balance"],
  queryFn: async () => {
    const { body, headers } = await answeredInFull(api.GET("/token_balance/"));
    return { credits: body.tokens, held: Number(headers.get("X-Token-Held") ?? 0) };
  },
  refetchOnWindowFocus: "always",
  refetchInterval: (query) => ((query.state.data?.held ?? 0) > 0 ? HELD_INTERVAL_MS : BALANCE_INTERVAL_MS),
});

/** The models with their prices. */
export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: async () => (await answered(api.GET("/v1/models"))).data,
  staleTime: 60_000,
});

/** Reads the balance again. Each act that changes credits calls it. */
export function balanceHasChanged(): void {
  void queryClient.invalidateQueries({ queryKey: balanceQuery.queryKey });
}
