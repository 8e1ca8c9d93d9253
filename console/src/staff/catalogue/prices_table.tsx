/** The prices of the models of a checked catalogue. */

import { Amount } from "../../parts/amounts.tsx";
import { Table } from "../../parts/table.tsx";
import { PRICES, type PriceName, pricedModels } from "./prices.ts";

const LABELS: Record<PriceName, string> = {
  input: "Input",
  cached_input: "Cached input",
  cache_write: "Cache write",
  output: "Output",
  request: "A request",
  image: "An image",
};

export function PricesTable({ text }: { text: string }) {
  const models = pricedModels(text);
  const head = (
    <>
      <th scope="col">Model</th>
      <th scope="col">Provider</th>
      {PRICES.map((name) => (
        <th key={name} scope="col" class="number">
          {LABELS[name]}
        </th>
      ))}
    </>
  );
  return (
    <>
      <h2>Prices of this text</h2>
      <p class="muted">
        Credits for a million tokens, and for each request and image. Where none is given, cached input and cache writes
        cost as input does, and requests and images nothing.
      </p>
      <Table label="Prices" head={head}>
        {models.map(({ id, provider, prices }) => (
          <tr key={id}>
            <th scope="row" class="breaking">
              {id}
            </th>
            <td>{provider}</td>
            {PRICES.map((name) => (
              <td key={name} class="number">
                {prices[name] === undefined ? <span class="muted">–</span> : <Amount value={prices[name]} />}
              </td>
            ))}
          </tr>
        ))}
      </Table>
    </>
  );
}
