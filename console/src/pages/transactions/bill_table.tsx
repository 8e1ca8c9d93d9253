/** The bill of a message, line by line, so that a reader can add it up. */

import { Amount } from "../../parts/amounts.tsx";
import { billOf, type Charged, writtenCredits } from "./bill.ts";

export function BillTable({ charged }: { charged: Charged }) {
  const bill = billOf(charged);
  if (bill === null) return <p class="muted">This page does not know how to add up these counts and prices.</p>;
  const { lines, sum, cost } = bill;
  return (
    <table class="bill">
      <caption class="sr-only">How the cost follows</caption>
      <thead>
        <tr>
          <th scope="col">What was counted</th>
          <th scope="col" class="number">
            Count
          </th>
          <th scope="col" class="number">
            Price
          </th>
          <th scope="col" class="number">
            Credits
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ what, count, price, per, millionths }) => (
          <tr key={what}>
            <th scope="row">{what}</th>
            <td class="number">
              <Amount value={count} />
            </td>
            <td class="number">
              <Amount value={price} /> <small>{per}</small>
            </td>
            <td class="number">{writtenCredits(millionths)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row" colSpan={3}>
            {cost < sum
              ? `Cost: what was held, since the sum would be ${sum.toLocaleString()}`
              : "Cost, rounded up once"}
          </th>
          <td class="number">{cost.toLocaleString()}</td>
        </tr>
        {charged.usage.estimated === true && (
          <tr>
            <td colSpan={4}>
              <small>The model did not count its tokens: the counts are an estimate.</small>
            </td>
          </tr>
        )}
      </tfoot>
    </table>
  );
}
