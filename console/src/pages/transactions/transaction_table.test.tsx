import { QueryClient, QueryClientProvider } from "@tanstack/preact-query";
import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, test } from "vitest";
import { keysQuery } from "../keys/keys_query.ts";
import { TransactionTable } from "./transaction_table.tsx";

test("a transaction of a later release, with fractions, is shown as far as the page knows it", async () => {
  const client = new QueryClient();
  client.setQueryData(keysQuery.queryKey, []);
  const odd = {
    id: "01KB05AY8G3W5VXQ7S4TB2NC6D",
    kind: "refund",
    tokens: 1.5,
    created_at: "2026-11-22T08:13:20Z",
    usage: { input_tokens: 1.5, output_tokens: null },
    prices: { input: 0.1 },
  };
  const page = document.createElement("div");
  await act(() =>
    render(
      <QueryClientProvider client={client}>
        <TransactionTable transactions={[odd as never]} onReceipt={() => {}} />
      </QueryClientProvider>,
      page,
    ),
  );
  await act(() => page.querySelector<HTMLElement>("[aria-expanded]")?.click());
  expect(page.textContent).toContain("refund");
  expect(page.textContent).toContain("does not know how to add up");
});
