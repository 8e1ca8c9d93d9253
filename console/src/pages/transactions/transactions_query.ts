/** The transactions that meet the filters, the newest first, page by page. */

import { infiniteQueryOptions } from "@tanstack/preact-query";
import { answered, api, type Schema } from "../../api/client.ts";
import type { Filters } from "./filters.ts";

export type Transaction = Schema<"TransactionEntry">;

const ROWS = 50;
const ROWS_OF_TABLE = 500;

export function transactionsQuery(filters: Filters) {
  return infiniteQueryOptions({
    queryKey: ["transactions", filters],
    queryFn: ({ pageParam }) => {
      const query = { ...filters, limit: ROWS, ...(pageParam === null ? {} : { cursor: pageParam }) };
      return answered(api.GET("/transactions/", { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

/** The path of the same transactions as a table. */
export function tablePath(filters: Filters): string {
  return `transactions/?${new URLSearchParams({ ...filters, limit: `${ROWS_OF_TABLE}` })}`;
}
