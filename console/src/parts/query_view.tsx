/** What a page shows of a read: that it is on its way, that it failed, that there is nothing, or what was read. */

import type { UseQueryResult } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ProblemNote } from "./problem_note.tsx";

interface Props<T> {
  query: Pick<UseQueryResult<T, Error>, "data" | "error" | "isFetching"> & {
    refetch: () => unknown;
    /** Whether the error is about a further page: `MoreButton` shows that one. */
    isFetchNextPageError?: boolean;
  };
  children: (data: T) => ComponentChildren;
}

export function QueryView<T>({ query, children }: Props<T>) {
  const { data, error } = query;
  if (data !== undefined) {
    return (
      <>
        {error !== null && query.isFetchNextPageError !== true && <Stale query={query} />}
        {children(data)}
      </>
    );
  }
  if (error !== null) return <Failed query={query} error={error} />;
  return <Loading />;
}

/** How long a read may take before the page says that it still waits. */
const SLOW_MS = 4000;

/** Grey lines in place of what is on its way. */
export function Loading({ lines = 3 }: { lines?: number }) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading" role="status">
      <span class="sr-only">Loading …</span>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="skeleton" aria-hidden="true" />
      ))}
      {isSlow && <p>The server takes its time. Still waiting …</p>}
    </div>
  );
}

function Failed<T>({ query, error }: { query: Props<T>["query"]; error: Error }) {
  return (
    <ProblemNote error={error}>
      <button type="button" class="secondary" aria-busy={query.isFetching} onClick={() => void query.refetch()}>
        Try again
      </button>
    </ProblemNote>
  );
}

function Stale<T>({ query }: { query: Props<T>["query"] }) {
  return (
    <div class="problem" role="status">
      <p>This may be out of date: {query.error?.message}</p>
      <button type="button" class="secondary" aria-busy={query.isFetching} onClick={() => void query.refetch()}>
        Try again
      </button>
    </div>
  );
}
