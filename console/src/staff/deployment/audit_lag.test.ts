import { expect, test } from "vitest";
import { lagOf } from "./audit_lag.ts";

test("an audit of the last minutes is as usual, and one of hours ago is not", () => {
  expect(lagOf(80)).toEqual({ words: "80 seconds", isUsual: true });
  expect(lagOf(804)).toEqual({ words: "13 minutes", isUsual: true });
  expect(lagOf(3 * 3600)).toEqual({ words: "3 hours", isUsual: false });
  expect(lagOf(3 * 86_400)).toEqual({ words: "3 days", isUsual: false });
});
