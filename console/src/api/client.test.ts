import { expect, test } from "vitest";
import { answered } from "./client.ts";
import { ApiProblem, SignedOut, Unreachable } from "./problem.ts";

test("a body that breaks off on the way is no answer", async () => {
  await expect(answered(Promise.reject(new SyntaxError("Unexpected end of JSON input")))).rejects.toBeInstanceOf(
    Unreachable,
  );
  await expect(answered(Promise.reject(new DOMException("", "TimeoutError")))).rejects.toThrow(
    "did not answer in time",
  );
});

test("a request that was not sent, or was given up, stays what it is", async () => {
  const errors = [new SignedOut(), new DOMException("", "AbortError")];
  for (const error of errors) await expect(answered(Promise.reject(error))).rejects.toBe(error);
});

test("a refusal is a problem", async () => {
  const call = Promise.resolve({ error: { code: "invalid" }, response: new Response(null, { status: 400 }) });
  await expect(answered(call)).rejects.toBeInstanceOf(ApiProblem);
});
