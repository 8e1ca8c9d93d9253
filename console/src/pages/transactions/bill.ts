/** The cost of a message, from its counts and its prices: the arithmetic of docs/receipts.md. */

import type { Schema } from "../../api/client.ts";

type Usage = Schema<"Usage">;
type Prices = Schema<"ChargedPrices">;

/** The ground of a cost, as a transaction and a receipt have it. */
export interface Charged {
  usage: Usage;
  prices: Prices;
  capped_at?: number | undefined;
}

export interface BillLine {
  what: string;
  count: number;
  /** Credits for `per`. */
  price: number;
  per: "a million" | "each";
  /** Millionths of a credit, as exact as the API computes. */
  millionths: bigint;
}

export interface Bill {
  lines: BillLine[];
  /** The credits of all lines, rounded up once. */
  sum: bigint;
  /** The charge: the sum, or the credits that were held if the sum is more. */
  cost: bigint;
}

const MILLION = 1_000_000n;

/** The bill, or `null` where a number is no whole number: this page then does not know how to add them up. */
export function billOf(charged: Charged): Bill | null {
  const { usage, prices, capped_at } = charged;
  const { estimated: _, input_tokens, output_tokens, ...others } = usage;
  const optional = [...Object.values(others), ...Object.values(prices), capped_at];
  const numbers = [input_tokens, output_tokens, ...optional.filter((value) => value !== undefined)];
  return numbers.every(Number.isInteger) ? billOfWhole(charged) : null;
}

function billOfWhole({ usage, prices, capped_at }: Charged): Bill {
  const { cached_input_tokens: cached = 0, cache_write_tokens: written = 0, images = 0 } = usage;
  const read = usage.input_tokens - cached - written;
  const tokens = (what: string, count: number, price = 0): BillLine => {
    return { what, count, price, per: "a million", millionths: BigInt(count) * BigInt(price) };
  };
  const each = (what: string, count: number, price = 0): BillLine => {
    return { what, count, price, per: "each", millionths: BigInt(count) * BigInt(price) * MILLION };
  };
  const lines = [
    tokens("Tokens read", read, prices.input),
    tokens("Tokens read from the cache", cached, prices.cached_input),
    tokens("Tokens written to the cache", written, prices.cache_write),
    tokens("Tokens written", usage.output_tokens, prices.output),
    each("Images", images, prices.image),
    each("The request", 1, prices.request),
  ];
  const sum = roundedUp(lines.reduce((sum, { millionths }) => sum + millionths, 0n));
  const cap = capped_at === undefined ? sum : BigInt(capped_at);
  return { lines: lines.filter(isWorthShowing), sum, cost: cap < sum ? cap : sum };
}

/** Tokens are shown also where they cost nothing, other things only if they cost something or were counted. */
function isWorthShowing({ what, count, price }: BillLine): boolean {
  return price > 0 ? count > 0 : count > 0 && what !== "The request";
}

function roundedUp(millionths: bigint): bigint {
  return (millionths + MILLION - 1n) / MILLION;
}

/** "0.0125": credits of a line, without rounding. */
export function writtenCredits(millionths: bigint): string {
  const rest = `${millionths % MILLION}`.padStart(6, "0").replace(/0+$/, "");
  const whole = (millionths / MILLION).toLocaleString();
  return rest === "" ? whole : `${whole}${DECIMAL_POINT}${rest}`;
}

const DECIMAL_POINT = new Intl.NumberFormat().formatToParts(1.5).find(({ type }) => type === "decimal")?.value ?? ".";
