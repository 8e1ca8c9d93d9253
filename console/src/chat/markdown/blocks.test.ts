import { describe, expect, it } from "vitest";
import { blocksOf, MOST_CHARACTERS } from "./blocks.ts";

const kindsOf = (reply: string) => blocksOf(reply).map(({ kind }) => kind);

describe("blocks of a reply", () => {
  it("are split at blank lines", () => {
    expect(blocksOf("One.\n\n\nTwo\nlines.\n")).toEqual([
      { kind: "prose", source: "One." },
      { kind: "prose", source: "Two\nlines." },
    ]);
  });

  it("keep a fence whole, with its language and its blank lines", () => {
    expect(blocksOf("Look:\n```rust\nfn main() {\n\n}\n```\nDone.")).toEqual([
      { kind: "prose", source: "Look:" },
      { kind: "code", language: "rust", text: "fn main() {\n\n}" },
      { kind: "prose", source: "Done." },
    ]);
  });

  it("show a fence that is not closed yet as code", () => {
    expect(blocksOf("```\nlet a")).toEqual([{ kind: "code", language: "", text: "let a" }]);
  });

  it("close a fence only by as many signs of its kind", () => {
    expect(blocksOf("````\n```\n~~~\n````")).toEqual([{ kind: "code", language: "", text: "```\n~~~" }]);
  });

  it("take the indent of a fence in a list from its code", () => {
    expect(blocksOf("1. Do\n   ```sh\n   ls\n     -l\n   ```\n2. Go")).toEqual([
      { kind: "prose", source: "1. Do" },
      { kind: "code", language: "sh", text: "ls\n  -l" },
      { kind: "prose", source: "2. Go" },
    ]);
  });

  it("keep a list whole over blank lines", () => {
    expect(kindsOf("1. One\n\n   more of one\n\n2. Two\n\nAfter.")).toEqual(["prose", "prose"]);
  });

  it("split a long list, so that no block is too long for being a list", () => {
    const kinds = kindsOf(Array.from({ length: 400 }, (_, item) => `${item}. ${"x".repeat(60)}\n`).join("\n"));
    expect(kinds.length).toBeGreaterThan(4);
    expect(new Set(kinds)).toEqual(new Set(["prose"]));
  });

  it("are plain text where they are too long", () => {
    expect(kindsOf("a".repeat(MOST_CHARACTERS))).toEqual(["prose"]);
    expect(kindsOf("a".repeat(MOST_CHARACTERS + 1))).toEqual(["plain"]);
  });

  it("are plain text where quotes or lists are too deep", () => {
    expect(kindsOf(">".repeat(51))).toEqual(["plain"]);
    expect(kindsOf("> ".repeat(51))).toEqual(["plain"]);
    expect(kindsOf(`${"- ".repeat(51)}a`)).toEqual(["plain"]);
    expect(kindsOf(`- a\n${" ".repeat(120)}- b`)).toEqual(["plain"]);
    expect(kindsOf("> > > - a")).toEqual(["prose"]);
    expect(kindsOf("-".repeat(80))).toEqual(["prose"]);
  });

  it("have a bound on their number", () => {
    expect(blocksOf("a\n\n".repeat(80_000)).length).toBe(2001);
    expect(blocksOf("```\n```\n".repeat(30_000)).length).toBe(2001);
  });

  it("lose nothing but blank lines", () => {
    const reply = "# A\n\ntext\n\n- b\n\n- c\n\n> d";
    const texts = blocksOf(reply).map((block) => (block.kind === "prose" ? block.source : block.text));
    expect(texts.join("\n\n")).toBe(reply);
  });

  it("are bounded in number and size for hostile text", () => {
    const texts = ["_a__b".repeat(30_000), ">".repeat(20_000), "```".repeat(50_000), "- ".repeat(100_000)];
    texts.push("`~".repeat(100_000), "1. \n".repeat(60_000), " ".repeat(200_000), `${" ".repeat(100_000)}\`\`\``);
    for (const text of texts) {
      const blocks = blocksOf(text);
      expect(blocks.length).toBeLessThanOrEqual(2001);
      for (const block of blocks) {
        if (block.kind === "prose") expect(block.source.length).toBeLessThanOrEqual(MOST_CHARACTERS);
      }
    }
  });

  it("are plain text where they have too many signs of emphasis", () => {
    expect(kindsOf("*a ".repeat(1000))).toEqual(["prose"]);
    expect(kindsOf("*a ".repeat(1001))).toEqual(["plain"]);
    expect(kindsOf("_a__b".repeat(400))).toEqual(["plain"]);
  });
});
