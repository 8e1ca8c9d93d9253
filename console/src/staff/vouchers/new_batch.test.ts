import { expect, test } from "vitest";
import { codesAsTable, termsIn } from "./new_batch.ts";
import { stateOf } from "./vouchers_api.ts";

function form(fields: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}

test("terms that are left blank are left out", () => {
  const given = form({ kind: "credits", amount: "200", count: "30", uses: "1", note: " ", expires_at: "" });
  expect(termsIn(given)).toEqual({ kind: "credits", amount: 200, count: 30, uses: 1 });
});

test("an invitation may give nothing, with a note and an end", () => {
  const given = form({
    kind: "invitation",
    amount: "0",
    count: "1",
    uses: "5",
    note: " A club ",
    expires_at: "2027-02-01",
  });
  expect(termsIn(given)).toEqual({
    kind: "invitation",
    amount: 0,
    count: 1,
    uses: 5,
    note: "A club",
    expires_at: "2027-02-01",
  });
});

test("each code has its number, by which the batch tells its uses", () => {
  expect(codesAsTable(["A", "B"])).toBe("number,code\r\n1,A\r\n2,B\r\n");
});

test("a batch is over when it was ended, or when its time is over", () => {
  const now = Date.parse("2026-11-28T00:00:00Z");
  expect(stateOf({ ended_at: "2026-11-27T00:00:00Z", expires_at: null }, now)).toBe("ended");
  expect(stateOf({ ended_at: null, expires_at: "2026-11-28T00:00:00Z" }, now)).toBe("expired");
  expect(stateOf({ ended_at: null, expires_at: null }, now)).toBe("open");
});
