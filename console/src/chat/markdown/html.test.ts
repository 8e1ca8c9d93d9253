import { describe, expect, it } from "vitest";
import { blocksOf, MOST_CHARACTERS } from "./blocks.ts";
import { htmlOf } from "./html.ts";

describe("the HTML of a block", () => {
  it("has what Markdown has", () => {
    expect(htmlOf("**a** `b`")).toBe("<p><strong>a</strong> <code>b</code></p>\n");
    expect(htmlOf("3. c")).toBe('<ol start="3">\n<li>c</li>\n</ol>\n');
  });

  it("shows HTML as text", () => {
    expect(htmlOf("<script>alert(1)</script>")).not.toContain("<script");
    expect(htmlOf("a <img src=x onerror=alert(1)> b")).toContain("&lt;img src=x onerror=alert(1)&gt;");
  });

  it("shows images as they are written, so that nothing is fetched", () => {
    expect(htmlOf("![a](https://example.com/a.png)")).toBe("<p>![a](https://example.com/a.png)</p>\n");
  });

  it("has links to the web and to mail alone", () => {
    expect(htmlOf("[a](https://example.com/)")).toContain('<a href="https://example.com/">a</a>');
    expect(htmlOf("<b@example.com>")).toContain('<a href="mailto:b@example.com">');
    for (const address of [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "data:text/html,a",
      "#/keys",
      "/x",
      "//x",
      "&#106;avascript:a",
    ]) {
      expect(htmlOf(`[a](${address})`)).toBe("<p>a</p>\n");
    }
    expect(htmlOf('[a](https://x/"onclick="alert(1))')).not.toContain('"onclick');
  });

  it("takes indented text for text", () => {
    expect(htmlOf("    a")).not.toContain("<code>");
  });

  it("shows boxes of tasks without inputs", () => {
    expect(htmlOf("- [x] a\n- [ ] b")).not.toContain("<input");
  });

  it("is made of any block without an error", () => {
    const hostile = [
      "_a__b",
      ">",
      "> ",
      "[",
      "![",
      "**",
      "*a ",
      "_a ",
      "`",
      "`a",
      "<",
      "<a ",
      "a@",
      "http://",
      "|",
      "|-",
      "\\",
      "&",
      "~",
      "[a](",
      "[a][",
      "- ",
      "1. ",
      "#",
      "*_",
      "**a*",
      "<!--",
      "www.",
      "[^",
      "((",
      "a_",
    ];
    for (const text of hostile) {
      const source = text.repeat(MOST_CHARACTERS).slice(0, MOST_CHARACTERS);
      for (const block of blocksOf(source))
        if (block.kind === "prose") expect(htmlOf(block.source), text).not.toBeNull();
    }
  });
});
