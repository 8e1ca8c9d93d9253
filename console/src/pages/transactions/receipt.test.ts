import { webcrypto } from "node:crypto";
import { beforeAll, expect, test, vi } from "vitest";
import type { Claims } from "./claims.ts";
import { type ReceiptKey, readReceipt, verdictOn } from "./receipt.ts";

vi.stubGlobal("crypto", webcrypto);

const CLAIMS: Claims = {
  iss: "chat-api",
  sub: "01KB05A0V0QX1E5M3N8K7C2D9F",
  jti: "01KB05AY8G3W5VXQ7S4TB2NC6D",
  iat: 1_795_335_200,
  kind: "chat",
  credits: -3,
  created_at: "2026-11-22T08:13:20Z",
  model: "modèle",
  usage: { input_tokens: 1000, output_tokens: 10 },
  prices: { input: 2500 },
  cost: 3,
};

let keys: CryptoKeyPair;
let key: ReceiptKey;

beforeAll(async () => {
  keys = (await webcrypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const { x = "" } = await webcrypto.subtle.exportKey("jwk", keys.publicKey);
  key = { kid: "one", kty: "OKP", crv: "Ed25519", use: "sig", alg: "EdDSA", x };
});

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

async function signed(claims: unknown): Promise<string> {
  const text = `${encoded({ typ: "receipt+jwt", alg: "EdDSA", kid: "one" })}.${encoded(claims)}`;
  const signature = await webcrypto.subtle.sign("Ed25519", keys.privateKey, Buffer.from(text));
  return `${text}.${Buffer.from(signature).toString("base64url")}`;
}

const unsigned = (claims: unknown) => readReceipt(`${encoded({ kid: "one" })}.${encoded(claims)}.`);

test("a receipt says what was charged, and which key verifies it", async () => {
  const receipt = readReceipt(await signed(CLAIMS));
  expect(receipt.kid).toBe("one");
  expect(receipt.claims).toEqual(CLAIMS);
});

test("a receipt with its signature, whose cost follows from its counts, is genuine", async () => {
  expect(await verdictOn(readReceipt(await signed(CLAIMS)), key)).toEqual({ kind: "genuine" });
});

test("a receipt that was changed is not genuine", async () => {
  const [header, , signature] = (await signed(CLAIMS)).split(".");
  const changed = readReceipt(`${header}.${encoded({ ...CLAIMS, credits: -1 })}.${signature}`);
  expect(await verdictOn(changed, key)).toMatchObject({ kind: "forged" });
});

test("a receipt whose cost does not follow from its counts is not genuine, whoever signed it", async () => {
  const wrong = readReceipt(await signed({ ...CLAIMS, cost: 4 }));
  expect(await verdictOn(wrong, key)).toEqual({ kind: "forged", why: "The cost does not follow from the counts." });
});

test("a receipt of a key that the service does not have is not genuine", async () => {
  expect(await verdictOn(readReceipt(await signed(CLAIMS)), null)).toMatchObject({ kind: "forged" });
});

test("a browser without Ed25519 says that it did not verify", async () => {
  vi.stubGlobal("crypto", {});
  const verdict = await verdictOn(readReceipt(await signed(CLAIMS)), key);
  vi.stubGlobal("crypto", webcrypto);
  expect(verdict).toMatchObject({ kind: "not-verified" });
});

test("a signed receipt whose cost this page cannot compute is not called forged", async () => {
  const fraction = readReceipt(await signed({ ...CLAIMS, prices: { input: 2.5 } }));
  expect(await verdictOn(fraction, key)).toMatchObject({ kind: "not-verified" });
});

test("a kind of a later release is read, and claims that no page can show are an error", async () => {
  expect(readReceipt(await signed({ ...CLAIMS, kind: "refund" })).claims.kind).toBe("refund");
  const { jti: _, ...nameless } = CLAIMS;
  for (const wrong of [
    null,
    nameless,
    { ...CLAIMS, iat: 1e300 },
    { ...CLAIMS, created_at: "yesterday" },
    { ...CLAIMS, usage: null },
  ])
    expect(() => unsigned(wrong)).toThrow("cannot read the receipt");
});
