/** A receipt and the verdict on it: genuine or not. docs/receipts.md has the steps. */

import { addressOf } from "../../api/base.ts";
import { anonymous, answered, type Schema } from "../../api/client.ts";
import { billOf } from "./bill.ts";
import { type Claims, claimsIn } from "./claims.ts";

export interface Receipt {
  /** The signed text. */
  text: string;
  /** The id of the key that verifies it. */
  kid: string;
  claims: Claims;
}

export type Verdict =
  | { kind: "genuine" }
  | { kind: "forged"; why: string }
  /** The page cannot tell. Python can: the lines below the verdict are its program. */
  | { kind: "not-verified"; why: string };

export type ReceiptKey = Schema<"ReceiptKeyPage">["keys"][number];

/** The address of the public keys. */
export const KEYS_ADDRESS = addressOf(".well-known/receipt-keys.json");

/** Most pages of keys, of 500 each. */
const MOST_PAGES = 100;

export function readReceipt(text: string): Receipt {
  const [header = "", claims = ""] = text.split(".");
  return { text, kid: `${JSON.parse(decoded(header)).kid}`, claims: claimsIn(JSON.parse(decoded(claims))) };
}

/** The public key of a receipt, or none. */
export async function receiptKey(kid: string): Promise<ReceiptKey | null> {
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query: { cursor?: string } = cursor === null ? {} : { cursor };
    const set: Schema<"ReceiptKeyPage"> = await answered(
      anonymous.GET("/.well-known/receipt-keys.json", { params: { query } }),
    );
    const found = set.keys.find((key) => key.kid === kid);
    if (found !== undefined || set.next === null) return found ?? null;
    cursor = set.next;
  }
  return null;
}

/** Verifies the signature with the key, and computes the cost again from counts and prices. */
export async function verdictOn(receipt: Receipt, key: ReceiptKey | null): Promise<Verdict> {
  if (key === null) return { kind: "forged", why: "No key of this service has signed it." };
  const isSigned = await isSignedBy(receipt.text, key.x);
  if (isSigned === null) return { kind: "not-verified", why: "This browser cannot verify Ed25519 signatures." };
  if (!isSigned) return { kind: "forged", why: "The signature is wrong." };
  return verdictOnCost(receipt.claims);
}

function verdictOnCost({ usage, prices, capped_at, cost }: Claims): Verdict {
  if (usage === undefined || prices === undefined) return { kind: "genuine" };
  const bill = billOf({ usage, prices, capped_at });
  if (bill === null) return { kind: "not-verified", why: "The signature is right. This page cannot compute the cost." };
  if (cost === undefined || `${bill.cost}` !== `${cost}`)
    return { kind: "forged", why: "The cost does not follow from the counts." };
  return { kind: "genuine" };
}

/** Whether the signature is right; `null` if this browser cannot tell. */
async function isSignedBy(text: string, publicKey: string): Promise<boolean | null> {
  const end = text.lastIndexOf(".");
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: publicKey };
    const key = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["verify"]);
    const signed = new TextEncoder().encode(text.slice(0, end));
    return await crypto.subtle.verify("Ed25519", key, bytesOf(text.slice(end + 1)), signed);
  } catch {
    return null;
  }
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function decoded(base64url: string): string {
  return new TextDecoder().decode(bytesOf(base64url));
}
