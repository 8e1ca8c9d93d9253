import { expect, test } from "vitest";
import { isShown, wordsOfOutcome } from "./job_words.tsx";

test("an outcome of a later release is said by its own word, and is among all rows", () => {
  expect(wordsOfOutcome("daily_limit_reached")).toEqual({ words: "daily limit reached", tone: "quiet" });
  expect(isShown("daily_limit_reached", "")).toBe(true);
  expect(isShown("daily_limit_reached", "refused")).toBe(false);
  expect(isShown("no_user", "refused")).toBe(true);
});
