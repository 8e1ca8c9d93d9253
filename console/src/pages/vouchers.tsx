import { Page } from "../parts/page.tsx";

export function VouchersPage() {
  return <Page title="Vouchers">{null}</Page>;
}
