/** The usage of the person: by day as a chart, and by model and API key as tables. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { SaveTableButton } from "../../parts/save_table_button.tsx";
import { isBehind, usageQuery } from "./usage_query.ts";
import { UsageSums, useUsageView } from "./usage_sums.tsx";
import { ViewChoice } from "./view_choice.tsx";

export function UsagePage() {
  const [view, today, change] = useUsageView();
  const { from, to } = view.period;
  const usage = useInfiniteQuery(usageQuery(view.period));
  const asOf = usage.data?.pages.at(-1)?.as_of;
  return (
    <Page
      title="Usage"
      actions={<SaveTableButton path={`usage/?from=${from}&to=${to}`} fileName={`usage-${from}-${to}.csv`} />}
    >
      <ViewChoice view={view} today={today} onChange={change} />
      {asOf !== undefined && isBehind(asOf, view.period, Date.now()) && (
        <Behind asOf={asOf} isReading={usage.isFetching} onAgain={() => void usage.refetch()} />
      )}
      <UsageSums query={usage} view={view} transactions="/transactions" empty={<NoMessage />} />
    </Page>
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

function NoMessage() {
  return (
    <>
      No message was charged in these days. <a href="#/chat">Begin a chat</a>, or <a href="#/keys">make an API key</a>.
    </>
  );
}
