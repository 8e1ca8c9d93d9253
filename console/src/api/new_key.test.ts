import { expect, test } from "vitest";
import { newKey } from "./new_key.ts";

test("a key is 32 hexadecimal digits, and no two are alike", () => {
  const keys = Array.from({ length: 100 }, newKey);
  expect(keys.every((key) => /^[0-9a-f]{32}$/.test(key))).toBe(true);
  expect(new Set(keys).size).toBe(100);
});
