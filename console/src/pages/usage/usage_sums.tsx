/** The sums of a period, of one person or of all: as numbers, as a chart by day, and as tables. */

import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { useAddressQuery } from "../../parts/address.ts";
import { DayChart } from "../../parts/chart.tsx";
import { dayOf, daysOf } from "../../parts/days.ts";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { useAllPages } from "../../parts/use_all_pages.ts";
import { groupsOf, seriesOf, sumOf, type UsageRow } from "./sums.ts";
import { GroupTable, Totals } from "./usage_tables.tsx";
import { MEASURES, queryOf, SPLITS, type UsageView, viewOf } from "./view.ts";
import "../../style/usage.css";

/** The view that the address asks for, the day of today, and a way to change the view. */
export function useUsageView(): [UsageView, string, (changes: Partial<UsageView>) => void] {
  const [address, change] = useAddressQuery();
  const today = dayOf(Date.now());
  const text = `${address}`;
  const view = useMemo(() => viewOf(new URLSearchParams(text), today), [text, today]);
  return [view, today, (changes) => change(queryOf({ ...view, ...changes }), { replace: true })];
}

type UsageResult<P> = UseInfiniteQueryResult<InfiniteData<P>, Error>;

interface Props<P> {
  query: UsageResult<P>;
  view: UsageView;
  /** Whether the sums tell API keys apart. */
  hasKeys?: boolean;
  /** The page of the transactions that were summed, if there is one. */
  transactions: string | null;
  /** The sentences in place of the sums where there is no message. */
  empty?: ComponentChildren;
}

export function UsageSums<P extends { usage: UsageRow[] }>({ query, empty, ...shown }: Props<P>) {
  useAllPages(query);
  const pages = query.data?.pages;
  const rows = useMemo(() => pages?.flatMap((page) => page.usage), [pages]);
  const { error, isFetching, refetch, isFetchNextPageError } = query;
  return (
    <QueryView query={{ data: rows, error, isFetching, refetch, isFetchNextPageError }}>
      {(rows) => (
        <>
          {query.hasNextPage && <FurtherDays query={query} />}
          {rows.length === 0 && !query.hasNextPage && (
            <p class="empty">{empty ?? "No message was charged in these days."}</p>
          )}
          {rows.length > 0 && <Sums rows={rows} {...shown} />}
        </>
      )}
    </QueryView>
  );
}

/** Says that the sums are not those of the whole period yet. */
function FurtherDays<P>({ query }: { query: UsageResult<P> }) {
  if (!query.isFetchNextPageError) {
    return (
      <p role="status" class="muted">
        Further days are on their way …
      </p>
    );
  }
  return (
    <ProblemNote error={query.error}>
      <p>The later days of the period are missing in these sums.</p>
      <button type="button" class="secondary" onClick={() => void query.fetchNextPage()}>
        Try again
      </button>
    </ProblemNote>
  );
}

type SumsProps = Omit<Props<never>, "query" | "empty"> & { rows: UsageRow[] };

function Sums({ rows, view, hasKeys = true, transactions }: SumsProps) {
  const { period, measure } = view;
  const split = hasKeys ? view.split : "model";
  const days = useMemo(() => daysOf(period), [period]);
  const series = useMemo(() => seriesOf(rows, days, split, measure), [rows, days, split, measure]);
  const label = MEASURES.find(({ value }) => value === measure)?.label;
  return (
    <>
      <Totals sums={sumOf(rows)} />
      <DayChart label={`${label} by day`} days={days} series={series} />
      <div class="groups">
        {SPLITS.filter(({ value }) => hasKeys || value === "model").map(({ value, label }) => (
          <GroupTable
            key={value}
            title={`By ${value === "key" ? label : label.toLowerCase()}`}
            split={value}
            groups={groupsOf(rows, value)}
            period={period}
            transactions={transactions}
          />
        ))}
      </div>
    </>
  );
}
