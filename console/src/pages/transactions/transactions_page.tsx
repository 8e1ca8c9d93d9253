/** The transactions: each change of the balance, with its details and its receipt. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { useMemo, useState } from "preact/hooks";
import { useAddressQuery } from "../../parts/address.ts";
import { MoreButton } from "../../parts/more_button.tsx";
import { Page } from "../../parts/page.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { SaveTableButton } from "../../parts/save_table_button.tsx";
import { FilterChoice } from "./filter_choice.tsx";
import { type FilterName, type Filters, filtersOf } from "./filters.ts";
import { ReceiptDialog } from "./receipt_dialog.tsx";
import { TransactionTable } from "./transaction_table.tsx";
import { type Transaction, tablePath, transactionsQuery } from "./transactions_query.ts";
import "../../style/transactions.css";

const NO_FILTERS: Record<FilterName, string> = { kind: "", key: "", model: "", from: "", to: "" };

export function TransactionsPage() {
  const [address, change] = useAddressQuery();
  const text = `${address}`;
  const filters = useMemo(() => filtersOf(new URLSearchParams(text)), [text]);
  return (
    <Page title="Transactions" actions={<SaveTableButton path={tablePath(filters)} fileName="transactions.csv" />}>
      <FilterChoice
        filters={filters}
        onChange={(name, value) => change({ [name]: value }, { replace: true })}
        onClear={() => change(NO_FILTERS, { replace: true })}
      />
      <Transactions filters={filters} />
    </Page>
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
          return <NoTransaction filters={filters} isMore={query.hasNextPage} />;
        }}
      </QueryView>
      <MoreButton query={query} />
      {receiptOf !== null && <ReceiptDialog transaction={receiptOf} onClose={() => setReceiptOf(null)} />}
    </>
  );
}

function NoTransaction({ filters, isMore }: { filters: Filters; isMore: boolean }) {
  if (isMore) return <p class="empty">None of the newest transactions is one of these. There may be older ones.</p>;
  if (Object.keys(filters).length > 0) return <p class="empty">No transaction is one of these.</p>;
  return (
    <p class="empty">
      Nothing was given or spent yet. <a href="#/chat">Begin a chat</a>, or <a href="#/vouchers">redeem a voucher</a>.
    </p>
  );
}
