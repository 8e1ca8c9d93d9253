/** What messages took: by day as a chart, and by model and API key as tables. */

import { useMutation } from "@tanstack/preact-query";
import { useMemo } from "preact/hooks";
import { useSearchParams } from "wouter-preact";
import { Moment } from "../../parts/amounts.tsx";
import { DayChart } from "../../parts/chart.tsx";
import { dayOf, daysOf, type Period } from "../../parts/days.ts";
import { saveTable } from "../../parts/download.ts";
import { Page } from "../../parts/page.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { groupsOf, seriesOf, sumOf, type UsageRow } from "./sums.ts";
import { isBehind, type UsageResult, useUsage } from "./usage_query.ts";
import { GroupTable, Totals } from "./usage_tables.tsx";
import { MEASURES, queryOf, type UsageView, viewOf } from "./view.ts";
import { ViewChoice } from "./view_choice.tsx";
import "../../style/usage.css";

export function UsagePage() {
  const [query, setQuery] = useSearchParams();
  const today = dayOf(Date.now());
  const view = useMemo(() => viewOf(query, today), [query, today]);
  const change = (changes: Partial<UsageView>) => setQuery(queryOf({ ...view, ...changes }), { replace: true });
  return (
    <Page title="Usage" actions={<SaveButton period={view.period} />}>
      <ViewChoice view={view} today={today} onChange={change} />
      <Usage view={view} />
    </Page>
  );
}

function SaveButton({ period: { from, to } }: { period: Period }) {
  const saving = useMutation({
    mutationFn: () => saveTable(`usage/?from=${from}&to=${to}`, `usage-${from}-${to}.csv`),
  });
  return (
    <div>
      <button type="button" class="secondary" aria-busy={saving.isPending} onClick={() => saving.mutate()}>
        Save as CSV
      </button>
      <ProblemNote error={saving.error} />
    </div>
  );
}

function Usage({ view }: { view: UsageView }) {
  const { query, rows, asOf } = useUsage(view.period);
  return (
    <QueryView query={{ ...pick(query), data: rows }}>
      {(rows) => (
        <>
          {query.hasNextPage && <FurtherDays query={query} />}
          {asOf !== undefined && isBehind(asOf, view.period, Date.now()) && (
            <Behind asOf={asOf} isReading={query.isFetching} onAgain={() => void query.refetch()} />
          )}
          {rows.length === 0 ? <Nothing /> : <Shown view={view} rows={rows} />}
        </>
      )}
    </QueryView>
  );
}

function pick({ error, isFetching, refetch, isFetchNextPageError }: UsageResult) {
  return { error, isFetching, refetch, isFetchNextPageError };
}

/** Says that what is shown is not all of the period. */
function FurtherDays({ query }: { query: UsageResult }) {
  if (!query.isFetchNextPageError) {
    return (
      <p role="status" class="muted">
        Further days are on their way …
      </p>
    );
  }
  return (
    <ProblemNote error={query.error}>
      <p>The later days of the period are missing in what is shown.</p>
      <button type="button" class="secondary" onClick={() => void query.fetchNextPage()}>
        Try again
      </button>
    </ProblemNote>
  );
}

function Behind(props: { asOf: string; isReading: boolean; onAgain: () => void }) {
  return (
    <div class="note" role="status">
      <p>
        Messages that were charged after <Moment at={props.asOf} /> are being added up. Look again in a minute.
      </p>
      <button type="button" class="small secondary" aria-busy={props.isReading} onClick={props.onAgain}>
        Look again
      </button>
    </div>
  );
}

function Nothing() {
  return (
    <p class="empty">
      No message was charged in these days. <a href="#/chat">Begin a chat</a>, or <a href="#/keys">make an API key</a>.
    </p>
  );
}

function Shown({ view, rows }: { view: UsageView; rows: UsageRow[] }) {
  const days = useMemo(() => daysOf(view.period), [view.period]);
  const series = useMemo(() => seriesOf(rows, days, view.split, view.measure), [rows, days, view.split, view.measure]);
  const measure = MEASURES.find(({ value }) => value === view.measure)?.label;
  return (
    <>
      <Totals sums={sumOf(rows)} />
      <DayChart label={`${measure} by day`} days={days} series={series} />
      <div class="groups">
        <GroupTable title="By model" split="model" groups={groupsOf(rows, "model")} period={view.period} />
        <GroupTable title="By API key" split="key" groups={groupsOf(rows, "key")} period={view.period} />
      </div>
    </>
  );
}
