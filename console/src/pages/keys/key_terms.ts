/** The form of a key as a body of the API: of a new key, and of the changes of a key. */

import type { Schema } from "../../api/client.ts";
import type { ApiKey } from "./keys_query.ts";

export const PERIODS = [
  { value: "total", label: "in all" },
  { value: "day", label: "a day" },
  { value: "week", label: "a week" },
  { value: "month", label: "a month" },
] as const;

type Budget = { credits: number; per: Schema<"BudgetPeriod"> };

/** The limits of a key. `null` is no limit. */
interface Terms {
  name: string;
  budget: Budget | null;
  requests_per_minute: number | null;
  models: string[] | null;
}

function textIn(fields: FormData, name: string): string {
  return `${fields.get(name) ?? ""}`.trim();
}

/** The number of a field; `null` where it is empty. The browser refuses any other text. */
function numberIn(fields: FormData, name: string): number | null {
  const text = textIn(fields, name);
  return text === "" ? null : Number(text);
}

function termsOf(fields: FormData): Terms {
  const credits = numberIn(fields, "budget");
  const per = PERIODS.find(({ value }) => value === textIn(fields, "per"))?.value ?? "total";
  const models = fields.getAll("models").map(String);
  return {
    name: textIn(fields, "name"),
    budget: credits === null ? null : { credits, per },
    requests_per_minute: numberIn(fields, "requests_per_minute"),
    models: models.length === 0 ? null : models,
  };
}

/** The words for a period. A later release may have periods that this page does not know. */
export function periodWord(per: string): string {
  return PERIODS.find(({ value }) => value === per)?.label ?? `for each ${per}`;
}

/** The body that makes a key. Limits that are not wanted are left out. */
export function newKeyOf(fields: FormData): Schema<"NewApiKey"> {
  const { name, budget, requests_per_minute, models } = termsOf(fields);
  const days = numberIn(fields, "expires_in_days");
  return {
    name,
    // White space may be a part of a password.
    password: `${fields.get("password")}`,
    ...(days === null ? {} : { expires_in_days: days }),
    ...(budget === null ? {} : { budget }),
    ...(requests_per_minute === null ? {} : { requests_per_minute }),
    ...(models === null ? {} : { models }),
  };
}

/** The body that changes a key: an absent limit stays, and `null` takes a limit away. `null` if nothing is changed. */
export function changesOf(key: ApiKey, fields: FormData): Schema<"ApiKeyChanges"> | null {
  const wanted = termsOf(fields);
  const changes: Schema<"ApiKeyChanges"> = {
    ...(wanted.name === key.name ? {} : { name: wanted.name }),
    ...(isSameBudget(wanted.budget, key.budget) ? {} : { budget: wanted.budget }),
    ...(wanted.requests_per_minute === key.requests_per_minute
      ? {}
      : { requests_per_minute: wanted.requests_per_minute }),
    ...(isSameSet(wanted.models, key.models) ? {} : { models: wanted.models }),
    ...wantedEnd(fields),
  };
  if (Object.keys(changes).length === 0) return null;
  const password = `${fields.get("password") ?? ""}`;
  return password === "" ? changes : { ...changes, password };
}

/** The end that is wanted: the key keeps its own, has none, or ends some days from now. */
function wantedEnd(fields: FormData): { expires_in_days?: number | null } {
  switch (textIn(fields, "end")) {
    case "never":
      return { expires_in_days: null };
    case "days":
      return { expires_in_days: numberIn(fields, "expires_in_days") };
    default:
      return {};
  }
}

function isSameBudget(wanted: Budget | null, budget: ApiKey["budget"]): boolean {
  return wanted?.credits === budget?.credits && wanted?.per === budget?.per;
}

function isSameSet(wanted: string[] | null, models: string[] | null): boolean {
  if (wanted === null || models === null) return wanted === models;
  return wanted.length === models.length && wanted.every((model) => models.includes(model));
}
