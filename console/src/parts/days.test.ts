import { expect, test } from "vitest";
import { addDays, daysOf, faultOf, firstOfMonth, isDay } from "./days.ts";

test("a day that no calendar has is no day", () => {
  expect(["2026-02-28", "2024-02-29"].every(isDay)).toBe(true);
  expect(["2026-02-29", "2026-13-01", "2026-1-1", "0002-11-27", "tomorrow", "", null].some(isDay)).toBe(false);
});

test("days go on over the ends of months and years", () => {
  expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
  expect(addDays("2026-03-01", -1)).toBe("2026-02-28");
  expect(firstOfMonth("2026-11-27")).toBe("2026-11-01");
});

test("a period has both of its ends, and one that ends before it begins has no day", () => {
  expect(daysOf({ from: "2026-11-27", to: "2026-11-29" })).toEqual(["2026-11-27", "2026-11-28", "2026-11-29"]);
  expect(daysOf({ from: "2026-11-29", to: "2026-11-27" })).toEqual([]);
});

test("a period without end has no more days than a chart can show", () => {
  expect(daysOf({ from: "2000-01-01", to: "2026-11-27" })).toHaveLength(366);
});

test("two dates are a period of at most 366 days, in their order", () => {
  expect(faultOf({ from: "2025-11-28", to: "2026-11-28" })).toBeNull();
  expect(faultOf({ from: "2025-11-27", to: "2026-11-28" })).toBe("Choose at most 366 days.");
  expect(faultOf({ from: "2026-11-28", to: "2026-11-27" })).toBe("The last day is before the first.");
  expect(faultOf({ from: "", to: "2026-11-27" })).toBe("Give both days.");
});
