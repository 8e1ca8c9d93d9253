/** The filters of the transactions, as in the address `#/transactions?kind=chat&from=2026-11-01`. */

import { isDay } from "../../parts/days.ts";
import { isId } from "../../parts/ids.ts";
import { KINDS, type Kind } from "./kinds.ts";

export { KINDS };

export interface Filters {
  kind?: Kind;
  /** The id of an API key. */
  key?: string;
  /** The id of a model. */
  model?: string;
  from?: string;
  to?: string;
}

export type FilterName = keyof Filters;

/** The filters of an address. A wrong one is left out, since the API would refuse the whole request. */
export function filtersOf(address: URLSearchParams): Filters {
  const kind = KINDS.find(({ value }) => value === address.get("kind"))?.value;
  const [key, model, from, to] = [address.get("key"), address.get("model"), address.get("from"), address.get("to")];
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(isId(key) ? { key } : {}),
    ...(model !== null && model.trim() !== "" ? { model } : {}),
    ...(isDay(from) ? { from } : {}),
    ...(isDay(to) ? { to } : {}),
  };
}
