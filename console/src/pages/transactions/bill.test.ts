import { expect, test } from "vitest";
import { type Bill, billOf as billOrNone, type Charged, writtenCredits } from "./bill.ts";

function billOf(charged: Charged): Bill {
  const bill = billOrNone(charged);
  if (bill === null) throw new Error("there is no bill");
  return bill;
}

const whatOf = (charged: Charged) => billOf(charged).lines.map(({ what, count }) => [what, count]);

test("tokens are added up with their prices by the million, and rounded up once", () => {
  const usage = { input_tokens: 1000, output_tokens: 500 };
  const bill = billOf({ usage, prices: { input: 2500, output: 20_000 } });
  expect(bill.lines.map(({ millionths }) => millionths)).toEqual([2_500_000n, 10_000_000n]);
  expect(bill.cost).toBe(13n);
});

test("tokens of the cache have a price of their own, and are not counted twice", () => {
  const usage = { input_tokens: 1000, cached_input_tokens: 600, cache_write_tokens: 100, output_tokens: 1 };
  const charged = { usage, prices: { input: 1_000_000, cached_input: 100_000, cache_write: 2_000_000 } };
  expect(whatOf(charged)).toEqual([
    ["Tokens read", 300],
    ["Tokens read from the cache", 600],
    ["Tokens written to the cache", 100],
    ["Tokens written", 1],
  ]);
  expect(billOf(charged).cost).toBe(300n + 60n + 200n);
});

test("a request and an image have prices that are no rounding's", () => {
  const charged = {
    usage: { input_tokens: 7, output_tokens: 4, images: 2 },
    prices: { request: 1, image: 3, input: 1 },
  };
  expect(billOf(charged).cost).toBe(1n + 6n + 1n);
  expect(whatOf(charged)).toContainEqual(["The request", 1]);
});

test("no more is charged than was held", () => {
  const charged = { usage: { input_tokens: 10, output_tokens: 10 }, prices: { output: 1_000_000 }, capped_at: 4 };
  expect(billOf(charged)).toMatchObject({ sum: 10n, cost: 4n });
});

test("numbers that a double does not hold are computed exactly", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const { cost } = billOf({ usage: { input_tokens: 3_000_001, output_tokens: 0 }, prices: { input: most } });
  expect(cost).toBe((3_000_001n * BigInt(most) + 999_999n) / 1_000_000n);
});

test("parts of a credit are written without rounding", () => {
  expect([2_500_000n, 12_345n, 0n, 7_000_000n].map(writtenCredits)).toEqual(["2.5", "0.012345", "0", "7"]);
});

test("fractions, and numbers that are none, have no bill", () => {
  const usage = { input_tokens: 10, output_tokens: 10 };
  expect(billOrNone({ usage, prices: { input: 2.5 } })).toBeNull();
  expect(billOrNone({ usage: { ...usage, output_tokens: Number.NaN }, prices: {} })).toBeNull();
  expect(billOrNone({ usage, prices: {}, capped_at: 0.5 })).toBeNull();
  expect(billOrNone({ usage: { ...usage, images: null } as never, prices: {} })).toBeNull();
  expect(billOrNone({ usage: {} as never, prices: {} })).toBeNull();
});
