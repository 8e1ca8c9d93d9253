/** The list of keys. */

import { Amount, credits } from "../../parts/amounts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import { periodWord } from "./key_terms.ts";
import type { KeyAct } from "./keys_page.tsx";
import type { ApiKey } from "./keys_query.ts";

interface Props {
  keys: ApiKey[];
  onAct: (act: KeyAct, key: ApiKey) => void;
}

export function KeyTable({ keys, onAct }: Props) {
  const head = (
    <>
      <th scope="col">Key</th>
      <th scope="col">Budget</th>
      <th scope="col">Limits</th>
      <th scope="col">Last used</th>
      <th scope="col">Ends</th>
      <th scope="col">
        <span class="sr-only">Acts</span>
      </th>
    </>
  );
  return (
    <Table label="API keys" head={head}>
      {keys.map((key) => (
        <tr key={key.id}>
          <th scope="row" class="breaking">
            <bdi>{key.name}</bdi>
            <small>
              <code>{key.prefix}…</code>
            </small>
            <small>
              <a href={`#/transactions?key=${key.id}`}>Transactions</a>
            </small>
          </th>
          <td>
            <BudgetBar apiKey={key} />
          </td>
          <td class="breaking">
            <Limits apiKey={key} />
          </td>
          <td>{key.last_used_at === null ? <span class="muted">not yet</span> : <Moment at={key.last_used_at} />}</td>
          <td>
            <End at={key.expires_at} />
          </td>
          <td class="acts">
            <ActButtons apiKey={key} onAct={onAct} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** The budget and its spent part, as a bar and in words. */
function BudgetBar({ apiKey: { name, budget } }: { apiKey: ApiKey }) {
  if (budget === null) return <span class="muted">your balance</span>;
  return (
    <div class="budget">
      <meter
        aria-label={`Spent of the budget of ${name}`}
        min={0}
        max={Math.max(budget.credits, 1)}
        high={Math.max(budget.credits, 1) * 0.9}
        optimum={0}
        value={budget.spent}
      />
      <div>
        <Amount value={budget.spent} /> of {credits(budget.credits)} {periodWord(budget.per)}
      </div>
      {budget.renews_at !== null && (
        <small class="muted">
          renews <Moment at={budget.renews_at} />
        </small>
      )}
    </div>
  );
}

function Limits({ apiKey: { models, requests_per_minute } }: { apiKey: ApiKey }) {
  return (
    <>
      {models === null ? "All models" : <bdi>{models.join(", ")}</bdi>}
      <small>
        {requests_per_minute === null ? (
          <span class="muted">any number a minute</span>
        ) : (
          <>
            <Amount value={requests_per_minute} /> {requests_per_minute === 1 ? "message" : "messages"} a minute
          </>
        )}
      </small>
    </>
  );
}

function End({ at }: { at: string | null }) {
  if (at === null) return <span class="muted">when you end it</span>;
  const hasEnded = Date.parse(at) <= Date.now();
  return (
    <>
      <Moment at={at} />
      {hasEnded && <small class="warm">has ended</small>}
    </>
  );
}

function ActButtons({ apiKey, onAct }: { apiKey: ApiKey; onAct: Props["onAct"] }) {
  const act = (act: KeyAct, label: string) => (
    <button
      type="button"
      class={act === "end" ? "small danger" : "small secondary"}
      aria-label={`${label} ${apiKey.name}`}
      onClick={() => onAct(act, apiKey)}
    >
      {label}
    </button>
  );
  return (
    <div class="buttons">
      {act("use", "Use")}
      {act("change", "Change")}
      {act("end", "End")}
    </div>
  );
}
