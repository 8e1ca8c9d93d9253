import { afterEach, beforeEach, expect, test, vi } from "vitest";

const words: string[] = [];
vi.mock("./announcer.tsx", () => ({ notify: (text: string) => words.push(text) }));
vi.mock("../session/session.ts", () => ({ onSignedOut: () => {} }));
const { forgetDrafts, keepDraft, keptDraft } = await import("./drafts.ts");

beforeEach(() => {
  words.length = 0;
});
afterEach(() => {
  forgetDrafts();
  vi.unstubAllGlobals();
});

test("a draft is there until the person signs out", () => {
  keepDraft("chat", "Dear");
  expect(keptDraft("chat")).toBe("Dear");
  forgetDrafts();
  expect(keptDraft("chat")).toBe("");
});

test("typing goes on where the browser keeps nothing, and the person is told once", () => {
  vi.stubGlobal("sessionStorage", undefined);
  keepDraft("chat", "D");
  keepDraft("chat", "De");
  expect(keptDraft("chat")).toBe("De");
  expect(words).toHaveLength(1);
});
