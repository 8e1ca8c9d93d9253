import { expect, test } from "vitest";
import { changesOf, subjectKindOf, wordsOf } from "./act_words.ts";

test("a grant says how much was given or taken back", () => {
  expect(wordsOf("grant", { amount: 50 })).toBe("gave 50 credits to");
  expect(wordsOf("grant", { amount: -50 })).toBe("took back 50 credits from");
});

test("an act of a later release is said by its own word", () => {
  expect(wordsOf("rename_user", {})).toBe("rename user:");
});

test("each member that changed is a line, also within an object", () => {
  const before = { allowance: null, status: "active" };
  const after = { allowance: { credits: 5, per: "week" }, status: "inactive" };
  expect(changesOf(before, after)).toEqual([
    { name: "allowance", before: "none", after: null },
    { name: "status", before: "active", after: "inactive" },
    { name: "allowance.credits", before: null, after: "5" },
    { name: "allowance.per", before: null, after: "week" },
  ]);
});

test("truths are words", () => {
  expect(changesOf({ staff: false }, { staff: true })).toEqual([{ name: "staff", before: "no", after: "yes" }]);
});

test("the act says what a subject is", () => {
  expect(subjectKindOf("stop", "deployment")).toBe("deployment");
  expect(subjectKindOf("make_vouchers", "01KB05AY8G3W5VXQ7S4TB2NC6D")).toBe("vouchers");
  expect(subjectKindOf("end_bulk_grant", "01KB05AY8G3W5VXQ7S4TB2NC6D")).toBe("job");
  expect(subjectKindOf("change", "01KB05AY8G3W5VXQ7S4TB2NC6D")).toBe("user");
});
