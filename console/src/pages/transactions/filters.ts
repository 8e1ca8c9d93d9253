/** Which transactions are shown, as the address says: `#/transactions?kind=chat&from=2026-11-01`. */

import { isDay } from "../../parts/days.ts";

export const KINDS = [
  { value: "chat", label: "Messages" },
  { value: "grant", label: "Credits given" },
  { value: "adjustment", label: "Credits taken back" },
] as const;
export type Kind = (typeof KINDS)[number]["value"];

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

const ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** What an address asks for. What it says wrongly is left out, since the API would refuse all of it. */
export function filtersOf(query: URLSearchParams): Filters {
  const kind = KINDS.find(({ value }) => value === query.get("kind"))?.value;
  const [key, model, from, to] = [query.get("key"), query.get("model"), query.get("from"), query.get("to")];
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(key !== null && ID.test(key) ? { key } : {}),
    ...(model !== null && model.trim() !== "" ? { model } : {}),
    ...(isDay(from) ? { from } : {}),
    ...(isDay(to) ? { to } : {}),
  };
}

/** The filters with one of them changed; an empty one is taken away. */
export function withFilter(filters: Filters, name: FilterName, value: string): Record<string, string> {
  const { [name]: _, ...others } = filters;
  return value === "" ? others : { ...others, [name]: value };
}
