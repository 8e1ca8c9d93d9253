import { expect, test } from "vitest";
import { grantOf, typedIn, typedOf } from "./typed_grant.ts";

test("a grant that takes back has a negative amount", () => {
  expect(grantOf({ direction: "take", amount: "5", reason: " A mistake " })).toEqual({
    amount: -5,
    reason: "A mistake",
  });
  expect(typedOf({ amount: -5, reason: "A mistake" })).toEqual({ direction: "take", amount: "5", reason: "A mistake" });
});

test("a draft has what was typed, and one that is no draft has nothing", () => {
  const typed = { direction: "take", amount: "5", reason: "A" };
  expect(typedIn(JSON.stringify(typed))).toEqual(typed);
  for (const draft of ["", "null", "{}", '{"amount":5,"reason":""}']) expect(typedIn(draft).amount).toBe("");
});
