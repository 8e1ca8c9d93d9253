/** The person's API keys. */

import { queryOptions } from "@tanstack/preact-query";
import { answered, api, type Schema } from "../../api/client.ts";
import { queryClient } from "../../api/queries.ts";

export type ApiKey = Schema<"ApiKey">;

export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: async () => (await answered(api.GET("/keys/"))).keys,
});

/** Reads the keys again, and comes back when they are there. */
export function keysHaveChanged(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: keysQuery.queryKey });
}
