/** The usage of one user. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { isBehind } from "../../pages/usage/usage_query.ts";
import { UsageSums, useUsageView } from "../../pages/usage/usage_sums.tsx";
import { ViewChoice } from "../../pages/usage/view_choice.tsx";
import { Moment } from "../../parts/moment.tsx";
import { SaveTableButton } from "../../parts/save_table_button.tsx";
import { usageOfUserQuery } from "./usage_api.ts";

export function UsageOfUser({ id }: { id: string }) {
  const [view, today, change] = useUsageView();
  const { from, to } = view.period;
  const usage = useInfiniteQuery(usageOfUserQuery(id, view.period));
  const asOf = usage.data?.pages.at(-1)?.as_of;
  return (
    <>
      <ViewChoice view={view} today={today} onChange={change} />
      <SaveTableButton
        path={`admin/users/${id}/usage/?from=${from}&to=${to}`}
        fileName={`usage-${id}-${from}-${to}.csv`}
      />
      {asOf !== undefined && isBehind(asOf, view.period, Date.now()) && (
        <p class="muted">
          Messages that were charged after <Moment at={asOf} /> are not counted yet.
        </p>
      )}
      <UsageSums query={usage} view={view} hasKeys transactions={`/staff/users/${id}/transactions`} />
    </>
  );
}
