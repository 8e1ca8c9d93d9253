import { expect, test } from "vitest";
import { locationIn } from "./hash_location.ts";

test("a hash has a path, and a query where there is one", () => {
  expect(locationIn("#/transactions?kind=chat&to=2026-11-27")).toEqual({
    path: "/transactions",
    query: "kind=chat&to=2026-11-27",
  });
  expect(locationIn("#/chat/01KB05AY8G3W5VXQ7S4TB2NC6D")).toEqual({
    path: "/chat/01KB05AY8G3W5VXQ7S4TB2NC6D",
    query: "",
  });
  expect(locationIn("")).toEqual({ path: "/", query: "" });
});
