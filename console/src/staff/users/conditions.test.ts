import { expect, test } from "vitest";
import { conditionsIn } from "./conditions.ts";

const of = (query: string) => conditionsIn(new URLSearchParams(query));

test("conditions are those of the address", () => {
  expect(of("search=ad&status=inactive&staff=true")).toEqual({
    search: "ad",
    status: "inactive",
    staff: "true",
    order: "",
  });
});

test("a word that is no condition is none", () => {
  expect(of("status=asleep&staff=perhaps&order=oldest")).toEqual({ search: "", status: "", staff: "", order: "" });
});

test("beside a search there is no other order than by name", () => {
  expect(of("order=newest").order).toBe("newest");
  expect(of("order=newest&search=a").order).toBe("");
});
