import { expect, test } from "vitest";
import { isBehind } from "./usage_query.ts";

const NOW = Date.parse("2026-11-27T12:00:00Z");

test("sums that are a minute old are those of now, and older ones are behind", () => {
  const period = { from: "2026-11-01", to: "2026-11-27" };
  expect(isBehind("2026-11-27T11:59:00Z", period, NOW)).toBe(false);
  expect(isBehind("2026-11-27T11:30:00Z", period, NOW)).toBe(true);
});

test("a period that was over before is complete", () => {
  expect(isBehind("2026-11-27T11:30:00Z", { from: "2026-11-01", to: "2026-11-26" }, NOW)).toBe(false);
});
