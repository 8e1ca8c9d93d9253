/** The query of a page's address, such as `#/staff/users?search=ad`: a link, a reload and the way back lead to the same list. */

import { useSearchParams } from "wouter-preact";

interface Way {
  /** In place of the address that is there: the way back does not lead to it. */
  replace?: boolean;
}

/** Members of the query, and a way to change some of them. A blank one is left out of the address. */
export function useAddressQuery(): [URLSearchParams, (changes: Record<string, string>, way?: Way) => void] {
  const [query, setQuery] = useSearchParams();
  return [query, (changes, way) => setQuery((before) => changed(before, changes), way)];
}

export function changed(query: URLSearchParams, changes: Record<string, string>): URLSearchParams {
  const members = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") members.delete(name);
    else members.set(name, value);
  }
  return members;
}
