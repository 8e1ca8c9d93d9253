/** What the form of a key says, as the API takes it: a new key, and the changes of one that there is. */

import type { Schema } from "../../api/client.ts";
import type { ApiKey } from "./keys_query.ts";

export const PERIODS = [
  { value: "total", label: "in all" },
  { value: "day", label: "a day" },
  { value: "week", label: "a week" },
  { value: "month", label: "a month" },
] as const;

type Budget = { credits: number; per: Schema<"BudgetPeriod"> };

/** What limits a key. `null` is no limit. */
interface Terms {
  name: string;
  budget: Budget | null;
  requests_per_minute: number | null;
  models: string[] | null;
}

function textIn(fields: FormData, name: string): string {
  return `${fields.get(name) ?? ""}`.trim();
}

/** The number of a field; `null` where it is empty. The browser lets nothing else through. */
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

/** The body that changes a key: what is absent stays, and `null` takes a limit away. `null` if nothing is changed. */
export function changesOf(key: ApiKey, fields: FormData): Schema<"ApiKeyChanges"> | null {
  const wanted = termsOf(fields);
  const changes: Schema<"ApiKeyChanges"> = {
    ...(wanted.name === key.name ? {} : { name: wanted.name }),
    ...(isSameBudget(wanted.budget, key.budget) ? {} : { budget: wanted.budget }),
    ...(wanted.requests_per_minute === key.requests_per_minute
      ? {}
      : { requests_per_minute: wanted.requests_per_minute }),
    ...(isSameSet(wanted.models, key.models) ? {} : { models: wanted.models }),
    ...endOf(fields),
  };
  if (Object.keys(changes).length === 0) return null;
  const password = `${fields.get("password") ?? ""}`;
  return password === "" ? changes : { ...changes, password };
}

/** The end that is wanted: the key keeps its own, has none, or ends so many days from now. */
function endOf(fields: FormData): { expires_in_days?: number | null } {
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
