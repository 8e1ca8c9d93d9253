import { describe, expect, it } from "vitest";
import { titleOf, withTitle } from "./conversations.ts";

describe("a title made of a message", () => {
  it("is the message where that is short", () => {
    expect(titleOf("  Where shall\n\nwe go?\t")).toBe("Where shall we go?");
  });

  it("ends at a word", () => {
    const title = titleOf("word ".repeat(100));
    expect(title.length).toBeLessThanOrEqual(80);
    expect(title).toMatch(/ word…$/);
  });

  it("splits no sign of two code units, and no text without spaces overflows it", () => {
    expect(titleOf("🦀".repeat(300))).toBe(`${"🦀".repeat(79)}…`);
  });

  it("has no control characters", () => {
    expect(titleOf("a\u0007b\u0085c")).toBe("a b c");
    expect(titleOf("\u0001")).toBe("Untitled");
  });
});

describe("finding by title", () => {
  const all = ["Café in Turin", "Holidays", "TURIN by night"].map((title, place) => ({
    id: `${place}`,
    title,
    created_at: "",
  }));

  it("takes words in any order, case and accent", () => {
    expect(withTitle(all, "turin cafe").map(({ id }) => id)).toEqual(["0"]);
    expect(withTitle(all, "Turin").map(({ id }) => id)).toEqual(["0", "2"]);
    expect(withTitle(all, "  ")).toHaveLength(3);
    expect(withTitle(all, "Oslo")).toEqual([]);
  });
});
