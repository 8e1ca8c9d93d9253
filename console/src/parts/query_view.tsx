/** The state of a read, and its data: that it is on its way, that it failed, or what was read. */

import { type UseQueryResult, useQueryClient } from "@tanstack/preact-query";
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
  return <LoadingRead />;
}

/** How long a read may take before the page says that it still waits. */
const SLOW_MS = 4000;

const SKELETON = ["first", "second", "third"];

/** Grey lines in place of data that is on its way. */
export function Loading({ onRetry }: { onRetry?: () => void }) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading">
      <div role="status">
        <span class="sr-only">Loading …</span>
        {SKELETON.map((line) => (
          <span key={line} class="skeleton" aria-hidden="true" />
        ))}
        {isSlow && <p>The server takes its time. Still waiting …</p>}
      </div>
      {isSlow && onRetry !== undefined && (
        <button type="button" class="secondary" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A slow read can be given up for another try. All first reads of the page are, since they wait for the same server. */
function LoadingRead() {
  const client = useQueryClient();
  const retry = async () => {
    const stuck = client.getQueryCache().findAll({
      type: "active",
      fetchStatus: "fetching",
      predicate: ({ state }) => state.data === undefined,
    });
    await Promise.all(stuck.map(({ queryKey }) => client.cancelQueries({ queryKey, exact: true })));
    await Promise.all(stuck.map(({ queryKey }) => client.refetchQueries({ queryKey, exact: true })));
  };
  return <Loading onRetry={() => void retry()} />;
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
