/** The list of transactions. Each has a row of details that is opened and closed. */

import { useQuery } from "@tanstack/preact-query";
import { Fragment } from "preact";
import { useId, useState } from "preact/hooks";
import { endedKeyName } from "../../parts/ids.ts";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import { keysQuery } from "../keys/keys_query.ts";
import { kindWord } from "./kinds.ts";
import { SignedCredits } from "./signed_credits.tsx";
import { TransactionDetails } from "./transaction_details.tsx";
import type { Transaction } from "./transactions_query.ts";

interface Props {
  transactions: Transaction[];
  onReceipt: (transaction: Transaction) => void;
}

const COLUMNS = 5;

export function TransactionTable({ transactions, onReceipt }: Props) {
  const keys = useQuery(keysQuery).data ?? [];
  const names = new Map(keys.map(({ id, name }) => [id, name]));
  const head = (
    <>
      <th scope="col">When</th>
      <th scope="col">What</th>
      <th scope="col">Paid by</th>
      <th scope="col" class="number">
        Credits
      </th>
      <th scope="col">
        <span class="sr-only">Details and receipt</span>
      </th>
    </>
  );
  return (
    <Table label="Transactions" head={head}>
      {transactions.map((transaction) => (
        <TransactionRow
          key={transaction.id}
          transaction={transaction}
          payer={payerOf(transaction, names)}
          onReceipt={() => onReceipt(transaction)}
        />
      ))}
    </Table>
  );
}

function payerOf({ kind, key_id }: Transaction, names: Map<string, string>): string {
  if (kind !== "chat") return "";
  if (key_id === undefined) return "You";
  return names.get(key_id) ?? endedKeyName(key_id);
}

interface RowProps {
  transaction: Transaction;
  payer: string;
  onReceipt: () => void;
}

function TransactionRow({ transaction, payer, onReceipt }: RowProps) {
  const [isOpen, setOpen] = useState(false);
  const details = useId();
  const { kind, model, tokens, created_at } = transaction;
  return (
    <Fragment>
      <tr>
        <td>
          <Moment at={created_at} />
        </td>
        <th scope="row" class="breaking">
          {kindWord(kind)}
          {model !== undefined && (
            <small class="muted">
              <bdi>{model}</bdi>
            </small>
          )}
        </th>
        <td class="breaking">
          <bdi>{payer}</bdi>
        </td>
        <td class="number">
          <SignedCredits value={tokens} />
        </td>
        <td class="acts">
          <button
            type="button"
            class="small secondary"
            aria-expanded={isOpen}
            aria-controls={details}
            onClick={() => setOpen(!isOpen)}
          >
            Details
          </button>{" "}
          <button type="button" class="small secondary" onClick={onReceipt}>
            Receipt
          </button>
        </td>
      </tr>
      <tr id={details} class="details" hidden={!isOpen}>
        <td colSpan={COLUMNS}>
          {isOpen && (
            <div class="in-sight">
              <TransactionDetails transaction={transaction} payer={payer} />
            </div>
          )}
        </td>
      </tr>
    </Fragment>
  );
}
