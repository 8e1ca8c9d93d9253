import { expect, test } from "vitest";
import type { ApiKey } from "./keys_query.ts";
import { draftOf, termsIn, termsOfDraft } from "./typed_terms.ts";

const KEY: ApiKey = {
  id: "01KB05AY8G3W5VXQ7S4TB2NC6D",
  name: "Grace",
  prefix: "sk-nB7dQ2",
  created_at: "2026-11-22T08:13:20Z",
  expires_at: null,
  budget: { credits: 0, per: "week", spent: 0, renews_at: null },
  requests_per_minute: null,
  models: ["dummy"],
  last_used_at: null,
};

function form(entries: Array<[string, string]>): FormData {
  const fields = new FormData();
  for (const [name, value] of entries) fields.append(name, value);
  return fields;
}

test("a form that was not typed over has the limits of its key, and a budget of nothing is one", () => {
  expect(termsIn(KEY)).toMatchObject({ budget: "0", per: "week", requests_per_minute: "", models: ["dummy"] });
});

test("a draft brings back what was typed, also the models that were taken away", () => {
  const draft = draftOf(
    form([
      ["name", "Hopper"],
      ["budget", ""],
      ["per", "day"],
      ["end", "days"],
      ["expires_in_days", "7"],
    ]),
  );
  const typed = { name: "Hopper", budget: "", per: "day", models: [], end: "days", expires_in_days: "7" };
  expect(termsOfDraft(draft, termsIn(KEY))).toEqual({ ...typed, requests_per_minute: "" });
});

test("the password is not in a draft", () => {
  expect(draftOf(form([["password", "correct horse"]]))).not.toContain("correct horse");
});

test("a draft that is none, or of another release, leaves the usual form", () => {
  for (const draft of ["", "{", "null", "[]", '{"name":7,"models":"dummy"}'])
    expect(termsOfDraft(draft, termsIn(KEY))).toEqual(termsIn(KEY));
});
