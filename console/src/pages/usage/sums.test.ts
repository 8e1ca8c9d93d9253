import { expect, test } from "vitest";
import { groupsOf, seriesOf, sumOf, type UsageRow } from "./sums.ts";

const DAYS = ["2026-11-26", "2026-11-27"];

function row(what: Partial<UsageRow>): UsageRow {
  return {
    day: "2026-11-27",
    model: "dummy",
    key_id: null,
    key_name: null,
    requests: 1,
    input_tokens: 10,
    cached_input_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 5,
    reasoning_tokens: 0,
    images: 0,
    credits: 1,
    ...what,
  };
}

test("rows are summed by their model or by their key, the dearest first", () => {
  const rows = [row({}), row({ model: "large", credits: 7 }), row({ key_id: "01A", key_name: "notebook", credits: 2 })];
  expect(sumOf(rows)).toEqual({ credits: 10, requests: 3, input_tokens: 30, output_tokens: 15 });
  expect(groupsOf(rows, "model").map(({ label, sums }) => [label, sums.credits])).toEqual([
    ["large", 7],
    ["dummy", 3],
  ]);
  expect(groupsOf(rows, "key").map(({ label, sums }) => [label, sums.credits])).toEqual([
    ["Without a key", 8],
    ["notebook", 2],
  ]);
});

test("an ended key has no name any more, and a model of old releases none either", () => {
  const rows = [row({ model: null, key_id: "01KB05AY8G3W5VXQ7S4TB2NC6D" })];
  expect(groupsOf(rows, "key")[0]?.label).toBe("Ended key NC6D");
  expect(groupsOf(rows, "model")[0]?.label).toBe("not stored");
});

test("a series has an amount for each day of the period", () => {
  const rows = [row({}), row({ credits: 2 }), row({ day: "2026-11-26", model: "large", credits: 9 })];
  expect(seriesOf(rows, DAYS, "model", "credits")).toEqual([
    { label: "large", values: [9, 0] },
    { label: "dummy", values: [0, 3] },
  ]);
});

test("a chart shows six series, of which the last is all others where there are more", () => {
  const models = (count: number) =>
    Array.from({ length: count }, (_, index) => row({ model: `m${index}`, credits: 9 - index }));
  expect(seriesOf(models(6), DAYS, "model", "credits").map(({ label }) => label)).toEqual([
    "m0",
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
  ]);
  const of8 = seriesOf(models(8), DAYS, "model", "credits");
  expect(of8.map(({ label }) => label)).toEqual(["m0", "m1", "m2", "m3", "m4", "All others"]);
  expect(of8.at(-1)?.values).toEqual([0, 4 + 3 + 2]);
});

test("keys of the same name are told apart", () => {
  const rows = [row({ key_id: "01A", key_name: "class" }), row({ key_id: "01B", key_name: "class" })];
  expect(seriesOf(rows, DAYS, "key", "requests").map(({ label }) => label)).toEqual(["class", "class (2)"]);
});
