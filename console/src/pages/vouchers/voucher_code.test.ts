import { expect, test } from "vitest";
import { readCode } from "./voucher_code.ts";

const CODE = "7QX2-M4KD-9W3T-0HVF-51CK";

test("a code is read in any way that people type it", () => {
  for (const typed of [CODE, "7qx2m4kd9w3t0hvf51ck", " 7qx2 m4kd 9w3t OHVF 5ICK ", "7QX2–M4KD—9W3T‑oHVF-5lck"]) {
    expect(readCode(typed)).toEqual({ kind: "whole", code: CODE });
  }
});

test("while it is typed, a code says how much is missing", () => {
  expect(readCode("7qx2m")).toEqual({ kind: "unfinished", code: "7QX2-M", missing: 15 });
  expect(readCode("")).toEqual({ kind: "unfinished", code: "", missing: 20 });
});

test("a character that no code has is named, and so is one too many", () => {
  expect(readCode("7QX2-U")).toEqual({ kind: "wrong", character: "U" });
  expect(readCode(`${CODE}7`)).toMatchObject({ kind: "too-long" });
});
