import { expect, test } from "vitest";
import { periodOf, presetOf, queryOf, viewOf } from "./view.ts";

const TODAY = "2026-11-27";

test("a preset ends today, and has its days with both ends", () => {
  expect(periodOf("7", TODAY)).toEqual({ from: "2026-11-21", to: TODAY });
  expect(periodOf("month", TODAY)).toEqual({ from: "2026-11-01", to: TODAY });
  expect(presetOf({ from: "2026-10-29", to: TODAY }, TODAY)).toBe("30");
  expect(presetOf({ from: "2026-10-29", to: "2026-11-26" }, TODAY)).toBeNull();
});

test("an address without a period, or with one that there is not, shows thirty days", () => {
  const usual = { period: periodOf("30", TODAY), measure: "credits", split: "model" };
  for (const query of ["", "from=2026-11-27&to=2026-11-01", "from=yesterday&to=2026-11-27", "of=money&by=colour"]) {
    expect(viewOf(new URLSearchParams(query), TODAY)).toEqual(usual);
  }
});

test("an address brings back the view that wrote it", () => {
  const view = { period: { from: "2026-01-01", to: "2026-01-31" }, measure: "requests", split: "key" } as const;
  expect(viewOf(new URLSearchParams(queryOf(view)), TODAY)).toEqual(view);
});
