import { Page } from "../../parts/page.tsx";

export function UsageOfAllPage() {
  return <Page title="Usage of all">{null}</Page>;
}
