import { expect, test } from "vitest";
import { kindWord } from "./kinds.ts";

test("a kind has a word, and one of a later release is called as the API calls it", () => {
  expect(["chat", "grant", "refund"].map(kindWord)).toEqual(["Message", "Credits given", "refund"]);
});
