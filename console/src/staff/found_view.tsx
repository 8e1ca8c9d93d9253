/** The view of one user, job or batch: that there is none, or as QueryView does. */

import type { UseQueryResult } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { isProblem } from "../api/problem.ts";
import { QueryView } from "../parts/query_view.tsx";

interface Props<T> {
  query: UseQueryResult<T, Error>;
  /** Said where the API has no such thing. */
  missing: string;
  children: (data: T) => ComponentChildren;
}

export function FoundView<T>({ query, missing, children }: Props<T>) {
  if (isProblem(query.error, "not_found")) return <p class="empty">{missing}</p>;
  return <QueryView query={query}>{children}</QueryView>;
}
