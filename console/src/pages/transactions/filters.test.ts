import { expect, test } from "vitest";
import { filtersOf } from "./filters.ts";

const KEY = "01KB05AY8G3W5VXQ7S4TB2NC6D";

test("an address chooses by kind, key, model and days", () => {
  const all = { kind: "chat", key: KEY, model: "openai/gpt-5-mini", from: "2026-11-01", to: "2026-11-27" };
  expect(filtersOf(new URLSearchParams(all))).toEqual(all);
});

test("what an address says wrongly is left out", () => {
  expect(filtersOf(new URLSearchParams("kind=void&key=mine&model=%20&from=2026-02-30&to=&limit=9"))).toEqual({});
});
