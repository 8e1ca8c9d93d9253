/** The usage of all users. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { UsageSums, useUsageView } from "../../pages/usage/usage_sums.tsx";
import { ViewChoice } from "../../pages/usage/view_choice.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { SaveTableButton } from "../../parts/save_table_button.tsx";
import { usageOfAllQuery } from "./usage_api.ts";

export function UsageOfAllPage() {
  const [view, today, change] = useUsageView();
  const { from, to } = view.period;
  const usage = useInfiniteQuery(usageOfAllQuery(view.period));
  const last = usage.data?.pages.at(-1);
  return (
    <Page
      title="Usage of all"
      actions={<SaveTableButton path={`admin/usage/?from=${from}&to=${to}`} fileName={`usage-${from}-${to}.csv`} />}
    >
      <ViewChoice view={view} today={today} onChange={change} hasKeys={false} />
      {last !== undefined && <CompleteThrough at={last.complete_through} />}
      <UsageSums query={usage} view={view} hasKeys={false} transactions={null} />
    </Page>
  );
}

function CompleteThrough({ at }: { at: string | null }) {
  if (at === null) return <p class="muted">The audit has not passed yet, so that messages may be missing.</p>;
  return (
    <p class="muted">
      All messages until <Moment at={at} /> are counted, and some that are newer. The audit adds up the others.
    </p>
  );
}
