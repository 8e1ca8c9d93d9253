/** The sums of a period: as numbers, as a chart by day, and as tables. */

import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/preact-query";
import { useMemo } from "preact/hooks";
import { groupsOf, seriesOf, sumOf, type UsageRow } from "../../pages/usage/sums.ts";
import { useAllPages } from "../../pages/usage/usage_query.ts";
import { GroupTable, Totals } from "../../pages/usage/usage_tables.tsx";
import { MEASURES, queryOf, SPLITS, type UsageView, viewOf } from "../../pages/usage/view.ts";
import { useAddressQuery } from "../../parts/address.ts";
import { DayChart } from "../../parts/chart.tsx";
import { dayOf, daysOf } from "../../parts/days.ts";
import { QueryView } from "../../parts/query_view.tsx";
import "../../style/usage.css";

/** What the address asks for, and a way to change it. */
export function useView(): [UsageView, string, (changes: Partial<UsageView>) => void] {
  const [query, change] = useAddressQuery();
  const today = dayOf(Date.now());
  const text = `${query}`;
  const view = useMemo(() => viewOf(new URLSearchParams(text), today), [text, today]);
  return [view, today, (changes) => change(queryOf({ ...view, ...changes }), { replace: true })];
}

interface Props<P> {
  query: UseInfiniteQueryResult<InfiniteData<P>, Error>;
  view: UsageView;
  /** Whether API keys are told apart. */
  hasKeys: boolean;
  /** The page of the transactions, if there is one. */
  transactions: string | null;
}

export function UsageSums<P extends { usage: UsageRow[] }>({ query, view, hasKeys, transactions }: Props<P>) {
  const { rows } = useAllPages(query);
  return (
    <QueryView query={{ data: rows, error: query.error, isFetching: query.isFetching, refetch: query.refetch }}>
      {(rows) => (
        <>
          {query.hasNextPage && !query.isFetchNextPageError && (
            <p role="status" class="muted">
              Further days are on their way …
            </p>
          )}
          {rows.length === 0 ? (
            <p class="empty">No message was charged in these days.</p>
          ) : (
            <Sums rows={rows} view={view} hasKeys={hasKeys} transactions={transactions} />
          )}
        </>
      )}
    </QueryView>
  );
}

type SumsProps = Omit<Props<never>, "query"> & { rows: UsageRow[] };

function Sums({ rows, view, hasKeys, transactions }: SumsProps) {
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
