/** The details of a transaction: its bill, and the things that it is about. */

import { BillTable } from "./bill_table.tsx";
import type { Transaction } from "./transactions_query.ts";

interface Props {
  transaction: Transaction;
  /** The name of the API key, or the person. */
  payer: string;
}

const FINISHES: Record<string, string> = {
  stop: "The reply is whole.",
  length: "The reply reached its greatest length.",
  content_filter: "The model's filter ended the reply.",
  tool_calls: "The model called tools.",
  broken_off: "The model broke off after it had written something.",
};

export function TransactionDetails({ transaction, payer }: Props) {
  const { id, kind, usage, prices, capped_at, catalogue, conversation, finish_reason, key_id } = transaction;
  return (
    <>
      {usage !== undefined && prices !== undefined && <BillTable charged={{ usage, prices, capped_at }} />}
      <dl class="facts">
        <dt>Transaction</dt>
        <dd>
          <code>{id}</code>
        </dd>
        {kind === "chat" && (
          <>
            <dt>Paid by</dt>
            <dd>
              <bdi>{payer}</bdi>
              {key_id !== undefined && (
                <>
                  {" "}
                  (<a href={`#/transactions?key=${key_id}`}>all of this key</a>)
                </>
              )}
            </dd>
          </>
        )}
        {finish_reason !== undefined && (
          <>
            <dt>Reply</dt>
            <dd>{FINISHES[finish_reason] ?? finish_reason}</dd>
          </>
        )}
        {catalogue !== undefined && (
          <>
            <dt>Prices</dt>
            <dd>of version {catalogue} of the catalogue</dd>
          </>
        )}
        {conversation !== undefined && (
          <>
            <dt>Conversation</dt>
            <dd>
              <a href={`#/chat/${conversation}`}>Open it</a>, unless it was deleted
            </dd>
          </>
        )}
      </dl>
    </>
  );
}
