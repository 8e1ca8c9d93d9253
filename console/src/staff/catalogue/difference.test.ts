import { expect, test } from "vitest";
import { differenceOf, runsOf } from "./difference.ts";

const words = (before: string, after: string) =>
  differenceOf(before, after).map(({ kind, text }) => `${{ same: " ", removed: "-", added: "+" }[kind]}${text}`);

test("equal texts have no line that differs", () => {
  expect(words("a\nb", "a\nb")).toEqual([" a", " b"]);
});

test("a line that changed is gone, and another one is new", () => {
  expect(words("a\nb\nc", "a\nx\nc")).toEqual([" a", "-b", "+x", " c"]);
});

test("lines that moved apart stay the same where they can", () => {
  expect(words("a\nb\nc\nd", "a\nc\ny\nd\ne")).toEqual([" a", "-b", " c", "+y", " d", "+e"]);
});

test("a line has its number in the text that has it", () => {
  const numbers = differenceOf("a\nb\nc", "x\na\nc").map(({ kind, number }) => [kind, number]);
  expect(numbers).toEqual([
    ["added", 1],
    ["same", 2],
    ["removed", 2],
    ["same", 3],
  ]);
});

test("texts too long to compare are shown as replaced", () => {
  const text = (word: string) => Array.from({ length: 2500 }, (_, line) => `${word}${line}`).join("\n");
  const lines = differenceOf(text("a"), text("b"));
  expect(lines.length).toBe(5000);
});

test("lines far from a change are counted only", () => {
  const before = Array.from({ length: 20 }, (_, line) => `${line}`);
  const after = before.with(10, "x");
  const runs = runsOf(differenceOf(before.join("\n"), after.join("\n")));
  expect(runs.map((run) => (run.kind === "gap" ? run.count : run.lines.length))).toEqual([7, 8, 6]);
});
