import { expect, test } from "vitest";
import { changesOf, newKeyOf } from "./key_terms.ts";
import type { ApiKey } from "./keys_query.ts";

const KEY: ApiKey = {
  id: "01KB05AY8G3W5VXQ7S4TB2NC6D",
  name: "Grace",
  prefix: "sk-nB7dQ2",
  created_at: "2026-11-22T08:13:20Z",
  expires_at: null,
  budget: { credits: 1000, per: "week", spent: 12, renews_at: "2026-11-23T00:00:00Z" },
  requests_per_minute: 20,
  models: ["dummy", "large"],
  last_used_at: null,
};

/** The form as it is opened for `KEY`, with some fields typed over. */
function form(typed: Record<string, string | string[]> = {}): FormData {
  const fields = new FormData();
  const all = {
    name: "Grace",
    budget: "1000",
    per: "week",
    requests_per_minute: "20",
    models: ["large", "dummy"],
    ...typed,
  };
  for (const [name, values] of Object.entries(all)) for (const value of [values].flat()) fields.append(name, value);
  return fields;
}

test("a new key has the limits that were typed, and no others", () => {
  const open = {
    name: " notebook ",
    password: " secret ",
    budget: "",
    requests_per_minute: "",
    models: [],
    expires_in_days: "",
  };
  expect(newKeyOf(form(open))).toEqual({ name: "notebook", password: " secret " });
  expect(newKeyOf(form({ password: "secret", expires_in_days: "30" }))).toEqual({
    name: "Grace",
    password: "secret",
    expires_in_days: 30,
    budget: { credits: 1000, per: "week" },
    requests_per_minute: 20,
    models: ["large", "dummy"],
  });
});

test("a form in which nothing was changed asks for nothing, also in another order and with a password", () => {
  expect(changesOf(KEY, form({ password: "secret", end: "keep" }))).toBeNull();
});

test("what was changed is sent, and nothing else", () => {
  expect(changesOf(KEY, form({ name: "Hopper" }))).toEqual({ name: "Hopper" });
  expect(changesOf(KEY, form({ per: "month" }))).toEqual({ budget: { credits: 1000, per: "month" } });
  expect(changesOf(KEY, form({ models: ["dummy"], password: "secret" }))).toEqual({
    models: ["dummy"],
    password: "secret",
  });
});

test("a limit that was emptied is taken away", () => {
  const open = { budget: "", requests_per_minute: "", models: [] };
  expect(changesOf(KEY, form(open))).toEqual({ budget: null, requests_per_minute: null, models: null });
});

test("the end of a key stays, is taken away, or counts from now", () => {
  expect(changesOf(KEY, form({ end: "never" }))).toEqual({ expires_in_days: null });
  expect(changesOf(KEY, form({ end: "days", expires_in_days: "7" }))).toEqual({ expires_in_days: 7 });
  expect(changesOf(KEY, form({ end: "keep", expires_in_days: "7" }))).toBeNull();
});
