import { expect, test } from "vitest";
import { endedKeyName, isId } from "./ids.ts";

const KEY = "01KB05AY8G3W5VXQ7S4TB2NC6D";

test("an id has 26 characters of Base32, and no more than 128 bits", () => {
  expect(isId(KEY)).toBe(true);
  expect(isId("0".repeat(26))).toBe(true);
  expect([`8${KEY.slice(1)}`, KEY.toLowerCase(), `${KEY}0`, "", null, undefined].some((text) => isId(text))).toBe(
    false,
  );
});

test("an ended key is called by the end of its id", () => {
  expect(endedKeyName(KEY)).toBe("Ended key NC6D");
});
