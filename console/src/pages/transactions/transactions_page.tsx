/** Every change of the balance, with what it follows from, and its receipt. */

import { useInfiniteQuery, useMutation } from "@tanstack/preact-query";
import { useMemo, useState } from "preact/hooks";
import { useSearchParams } from "wouter-preact";
import { saveTable } from "../../parts/download.ts";
import { MoreButton } from "../../parts/more_button.tsx";
import { Page } from "../../parts/page.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { FilterChoice } from "./filter_choice.tsx";
import { type Filters, filtersOf, withFilter } from "./filters.ts";
import { ReceiptDialog } from "./receipt_dialog.tsx";
import { TransactionTable } from "./transaction_table.tsx";
import { type Transaction, tablePath, transactionsQuery } from "./transactions_query.ts";
import "../../style/transactions.css";

export function TransactionsPage() {
  const [query, setQuery] = useSearchParams();
  const filters = useMemo(() => filtersOf(query), [query]);
  return (
    <Page title="Transactions" actions={<SaveButton filters={filters} />}>
      <FilterChoice
        filters={filters}
        onChange={(name, value) => setQuery(withFilter(filters, name, value), { replace: true })}
        onClear={() => setQuery({}, { replace: true })}
      />
      <Transactions filters={filters} />
    </Page>
  );
}

function SaveButton({ filters }: { filters: Filters }) {
  const saving = useMutation({ mutationFn: () => saveTable(tablePath(filters), "transactions.csv") });
  return (
    <div>
      <button type="button" class="secondary" aria-busy={saving.isPending} onClick={() => saving.mutate()}>
        Save as CSV
      </button>
      <ProblemNote error={saving.error} />
    </div>
  );
}

function Transactions({ filters }: { filters: Filters }) {
  const query = useInfiniteQuery(transactionsQuery(filters));
  const [receiptOf, setReceiptOf] = useState<Transaction | null>(null);
  return (
    <>
      <QueryView query={query}>
        {({ pages }) => {
          const transactions = pages.flatMap((page) => page.transactions);
          if (transactions.length > 0) {
            return <TransactionTable transactions={transactions} onReceipt={setReceiptOf} />;
          }
          return <Nothing filters={filters} isMore={query.hasNextPage} />;
        }}
      </QueryView>
      <MoreButton query={query} />
      {receiptOf !== null && <ReceiptDialog transaction={receiptOf} onClose={() => setReceiptOf(null)} />}
    </>
  );
}

function Nothing({ filters, isMore }: { filters: Filters; isMore: boolean }) {
  if (isMore) return <p class="empty">None of the newest transactions is one of these. There may be older ones.</p>;
  if (Object.keys(filters).length > 0) return <p class="empty">No transaction is one of these.</p>;
  return (
    <p class="empty">
      Nothing was given or spent yet. <a href="#/chat">Begin a chat</a>, or <a href="#/vouchers">redeem a voucher</a>.
    </p>
  );
}
