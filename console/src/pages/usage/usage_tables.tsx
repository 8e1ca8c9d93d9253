/** The sums of a period as numbers. */

import { Amount } from "../../parts/amounts.tsx";
import type { Period } from "../../parts/days.ts";
import { Table } from "../../parts/table.tsx";
import type { Group, Sums } from "./sums.ts";
import { MEASURES, type Split } from "./view.ts";

export function Totals({ sums }: { sums: Sums }) {
  return (
    <dl class="totals">
      {MEASURES.map(({ value, label }) => (
        <div key={value}>
          <dt>{label}</dt>
          <dd>
            <Amount value={sums[value]} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface Props {
  title: string;
  split: Split;
  groups: Group[];
  period: Period;
  /** The page of the transactions that were summed, if there is one. */
  transactions: string | null;
}

export function GroupTable({ title, split, groups, period, transactions }: Props) {
  const head = (
    <>
      <th scope="col">{split === "model" ? "Model" : "API key"}</th>
      {MEASURES.map(({ value, label }) => (
        <th key={value} scope="col" class="number">
          {label}
        </th>
      ))}
    </>
  );
  return (
    <section>
      <h2>{title}</h2>
      <Table label={title} head={head}>
        {groups.map((group) => (
          <tr key={group.id}>
            <th scope="row" class="breaking">
              <GroupName group={group} query={{ [split]: group.id ?? "", ...period }} path={transactions} />
            </th>
            {MEASURES.map(({ value }) => (
              <td key={value} class="number">
                <Amount value={group.sums[value]} />
              </td>
            ))}
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** A name that leads to the transactions of the group. */
function GroupName({ group, query, path }: { group: Group; query: Record<string, string>; path: string | null }) {
  if (group.id === null || path === null) return <bdi>{group.label}</bdi>;
  return (
    <a href={`#${path}?${new URLSearchParams(query)}`}>
      <bdi>{group.label}</bdi>
    </a>
  );
}
