/** A list that is read page by page: its rows, that there are none, and the way to more. */

import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { MoreButton } from "../parts/more_button.tsx";
import { QueryView } from "../parts/query_view.tsx";

interface Props<P, R> {
  query: UseInfiniteQueryResult<InfiniteData<P>, Error>;
  rowsOf: (page: P) => R[];
  /** The sentence where there is no row. */
  empty: ComponentChildren;
  children: (rows: R[]) => ComponentChildren;
}

export function ListView<P, R>({ query, rowsOf, empty, children }: Props<P, R>) {
  return (
    <>
      <QueryView query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(rowsOf);
          if (rows.length > 0) return children(rows);
          return <p class="empty">{query.hasNextPage ? "None so far. There is more to look through." : empty}</p>;
        }}
      </QueryView>
      <MoreButton query={query} />
    </>
  );
}
