/** The terms of a key as they are typed in its form, which may be kept as a draft. */

import type { ApiKey } from "./keys_query.ts";

/** The texts of the form's fields. The password is not among them: it is never kept. */
export interface TypedTerms {
  name: string;
  budget: string;
  per: string;
  requests_per_minute: string;
  models: string[];
  end: string;
  expires_in_days: string;
}

const TEXTS = ["name", "budget", "per", "requests_per_minute", "end", "expires_in_days"] as const;

const NEW_KEY: TypedTerms = {
  name: "",
  budget: "",
  per: "month",
  requests_per_minute: "",
  models: [],
  end: "keep",
  expires_in_days: "",
};

/** The terms of a key as it is, or of a new key. */
export function termsIn(key: ApiKey | null): TypedTerms {
  if (key === null) return NEW_KEY;
  const { name, budget, requests_per_minute, models } = key;
  return {
    ...NEW_KEY,
    name,
    budget: `${budget?.credits ?? ""}`,
    per: budget?.per ?? NEW_KEY.per,
    requests_per_minute: `${requests_per_minute ?? ""}`,
    models: models ?? [],
  };
}

/** The terms in the form, as a draft. */
export function draftOf(fields: FormData): string {
  const texts = TEXTS.filter((name) => fields.has(name)).map((name) => [name, `${fields.get(name)}`]);
  return JSON.stringify({ ...Object.fromEntries(texts), models: fields.getAll("models").map(String) });
}

/** The terms in a draft. Absent and wrong members are taken from `usual`. */
export function termsOfDraft(draft: string, usual: TypedTerms): TypedTerms {
  const kept = membersOf(draft);
  const texts = TEXTS.filter((name) => typeof kept[name] === "string").map((name) => [name, kept[name]]);
  const models = Array.isArray(kept.models) ? kept.models.filter((id) => typeof id === "string") : usual.models;
  return { ...usual, ...Object.fromEntries(texts), models };
}

function membersOf(draft: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(draft);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
