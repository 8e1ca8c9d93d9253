import { expect, test } from "vitest";
import { changed } from "./address.ts";

const after = (query: string, changes: Record<string, string>) => `${changed(new URLSearchParams(query), changes)}`;

test("a blank member is left out, and the others stay", () => {
  expect(after("search=ad&status=active", { search: "" })).toBe("status=active");
  expect(after("status=active", { status: "" })).toBe("");
  expect(after("", { search: "a&b é" })).toBe("search=a%26b+%C3%A9");
});
