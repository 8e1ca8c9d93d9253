import { Page } from "../parts/page.tsx";

export function TransactionsPage() {
  return <Page title="Transactions">{null}</Page>;
}
