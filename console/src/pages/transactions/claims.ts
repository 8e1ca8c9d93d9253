/** The claims of a receipt, read from its JSON. */

import type { Schema } from "../../api/client.ts";

/** Later releases may add members, and kinds. */
export interface Claims {
  iss: string;
  /** The id of the user, which is no name. */
  sub: string;
  /** The id of the transaction. */
  jti: string;
  /** The time of issue, in seconds since 1970. */
  iat: number;
  kind: string;
  credits: number;
  created_at: string;
  model?: string;
  usage?: Schema<"Usage">;
  prices?: Schema<"ChargedPrices">;
  catalogue?: number;
  capped_at?: number;
  cost?: number;
}

/** The check of each claim that is there. */
const CHECKS: Record<keyof Claims, (value: unknown) => boolean> = {
  iss: isText,
  sub: isText,
  jti: isText,
  iat: (value) => isNumber(value) && isTime(value * 1000),
  kind: isText,
  credits: isNumber,
  created_at: (value) => isText(value) && isTime(Date.parse(value)),
  model: isText,
  usage: isObject,
  prices: isObject,
  catalogue: isNumber,
  capped_at: isNumber,
  cost: isNumber,
};
const REQUIRED: Array<keyof Claims> = ["iss", "sub", "jti", "iat", "kind", "credits", "created_at"];

/** Throws where a claim is wrong, or one that each receipt has is absent. */
export function claimsIn(json: unknown): Claims {
  const claims = isObject(json) ? json : {};
  const isRead =
    REQUIRED.every((name) => name in claims) &&
    Object.entries(CHECKS).every(([name, check]) => !(name in claims) || check(claims[name]));
  if (!isRead) throw new Error("This page cannot read the receipt. A reload may bring a newer page, which can.");
  return claims as unknown as Claims;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTime(milliseconds: number): boolean {
  return !Number.isNaN(new Date(milliseconds).getTime());
}
