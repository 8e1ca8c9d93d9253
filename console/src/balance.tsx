/** The balance, on every page. */

import { useQuery } from "@tanstack/preact-query";
import { balanceQuery } from "./api/queries.ts";
import { credits } from "./parts/amounts.tsx";

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

export function Balance() {
  const { data, error, dataUpdatedAt } = useQuery(balanceQuery);
  if (data === undefined && error === null) {
    return (
      <span class="balance">
        <span class="sr-only">Your balance is loading …</span>
        <span class="skeleton" aria-hidden="true" />
      </span>
    );
  }
  return (
    <a class="balance" href="#/transactions" title="Your balance: what it was spent on">
      {data === undefined ? "Balance unknown" : credits(data.credits)}
      {data !== undefined && data.held > 0 && <small> and {credits(data.held)} held</small>}
      {data !== undefined && error !== null && <small> as of {TIME.format(dataUpdatedAt)}</small>}
    </a>
  );
}
