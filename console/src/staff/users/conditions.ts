/** Which users are listed, as the address says. */

export interface Conditions {
  search: string;
  status: "" | "active" | "inactive" | "deleting";
  staff: "" | "true" | "false";
  order: "" | "newest";
}

/** The conditions in a query that anybody may have typed: what means nothing is left out. */
export function conditionsIn(query: URLSearchParams): Conditions {
  const search = (query.get("search") ?? "").slice(0, 150);
  return {
    search,
    status: oneOf(query.get("status"), ["active", "inactive", "deleting"]),
    staff: oneOf(query.get("staff"), ["true", "false"]),
    // Names that begin alike are found by name alone.
    order: search === "" ? oneOf(query.get("order"), ["newest"]) : "",
  };
}

function oneOf<T extends string>(value: string | null, words: readonly T[]): T | "" {
  return words.find((word) => word === value) ?? "";
}
