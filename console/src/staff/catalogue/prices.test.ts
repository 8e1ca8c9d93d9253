import { expect, test } from "vitest";
import { pricedModels } from "./prices.ts";

test("each model has the prices that the document gives it", () => {
  const text = '{"models": [{"id": "a", "provider": "p", "prices": {"input": 1, "output": 2, "other": 3}}]}';
  expect(pricedModels(text)).toEqual([{ id: "a", provider: "p", prices: { input: 1, output: 2 } }]);
});

test("a document without models has none", () => {
  expect(pricedModels("{}")).toEqual([]);
  expect(pricedModels('{"models": 5}')).toEqual([]);
});
