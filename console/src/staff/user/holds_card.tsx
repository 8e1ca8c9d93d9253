/** The credits that are set aside for messages under way. */

import { Amount } from "../../parts/amounts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import type { User } from "./user_api.ts";

export function HoldsCard({ user }: { user: User }) {
  const head = (
    <>
      <th scope="col">Message</th>
      <th scope="col" class="number">
        Credits
      </th>
      <th scope="col">Given back at the latest</th>
    </>
  );
  return (
    <article>
      <h2>Held for messages under way</h2>
      <Table label="Holds" head={head}>
        {user.holds.map(({ id, credits, expires_at }) => (
          <tr key={id}>
            <td class="breaking">
              <code>{id}</code>
            </td>
            <td class="number">
              <Amount value={credits} />
            </td>
            <td>
              <Moment at={expires_at} />
            </td>
          </tr>
        ))}
      </Table>
    </article>
  );
}
