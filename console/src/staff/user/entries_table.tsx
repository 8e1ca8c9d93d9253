/** Transactions of a user in rows, each with the details from which its credits follow. */

import { useId, useState } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { BillTable } from "../../pages/transactions/bill_table.tsx";
import { kindWord } from "../../pages/transactions/kinds.ts";
import { SignedCredits } from "../../pages/transactions/signed_credits.tsx";
import { Amount } from "../../parts/amounts.tsx";
import { endedKeyName } from "../../parts/ids.ts";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import type { User } from "./user_api.ts";
import "../../style/transactions.css";

type Entry = Schema<"TransactionEntry">;

const COLUMNS = 7;

export function EntriesTable({ entries, keys }: { entries: Entry[]; keys: User["keys"] }) {
  const names = new Map(keys.map(({ id, name }) => [id, name]));
  const head = (
    <>
      <th scope="col">When</th>
      <th scope="col">What</th>
      <th scope="col">Paid by</th>
      <th scope="col" class="number">
        Input
      </th>
      <th scope="col" class="number">
        Output
      </th>
      <th scope="col" class="number">
        Credits
      </th>
      <th scope="col">
        <span class="sr-only">Details</span>
      </th>
    </>
  );
  return (
    <Table label="Transactions" head={head}>
      {entries.map((entry) => (
        <EntryRow key={entry.id} entry={entry} payer={payerOf(entry, names)} />
      ))}
    </Table>
  );
}

function payerOf({ kind, key_id }: Entry, names: Map<string, string>): string {
  if (kind !== "chat") return "";
  if (key_id === undefined) return "the user";
  return names.get(key_id) ?? endedKeyName(key_id);
}

function EntryRow({ entry, payer }: { entry: Entry; payer: string }) {
  const [isOpen, setOpen] = useState(false);
  const details = useId();
  const { kind, tokens, created_at, model, usage } = entry;
  return (
    <>
      <tr>
        <td>
          <Moment at={created_at} />
        </td>
        <th scope="row" class="breaking">
          {kindWord(kind)} {model !== undefined && <small class="muted">{model}</small>}
        </th>
        <td class="breaking">
          <bdi>{payer}</bdi>
        </td>
        <td class="number">{usage !== undefined && <Amount value={usage.input_tokens} />}</td>
        <td class="number">{usage !== undefined && <Amount value={usage.output_tokens} />}</td>
        <td class="number">
          <SignedCredits value={tokens} />
        </td>
        <td class="number">
          <button
            type="button"
            class="small secondary"
            aria-expanded={isOpen}
            aria-controls={details}
            onClick={() => setOpen(!isOpen)}
          >
            Details
          </button>
        </td>
      </tr>
      <tr id={details} class="details" hidden={!isOpen}>
        <td colSpan={COLUMNS}>{isOpen && <EntryDetails entry={entry} />}</td>
      </tr>
    </>
  );
}

function EntryDetails({ entry }: { entry: Entry }) {
  const { id, usage, prices, capped_at, catalogue, finish_reason } = entry;
  return (
    <>
      {usage !== undefined && prices !== undefined && <BillTable charged={{ usage, prices, capped_at }} />}
      <dl class="facts">
        <dt>Transaction</dt>
        <dd>
          <code>{id}</code>
        </dd>
        {finish_reason !== undefined && (
          <>
            <dt>The reply ended by</dt>
            <dd>
              <code>{finish_reason}</code>
            </dd>
          </>
        )}
        {catalogue !== undefined && (
          <>
            <dt>Prices</dt>
            <dd>
              of <a href={`#/staff/catalogue/versions/${catalogue}`}>version {catalogue} of the catalogue</a>
            </dd>
          </>
        )}
      </dl>
    </>
  );
}
