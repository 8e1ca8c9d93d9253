/**
 * Makes HTML of a block of Markdown. The HTML is not safe to show: `sanitise.ts` is what makes it so. HTML in the Markdown is text,
 * and so are images.
 */

import { Marked, type Tokens } from "marked";

/** Only these are links. All others, such as relative ones, would lead to places of this console or to scripts. */
const LINK = /^(?:https?:\/\/|mailto:)/i;

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  tokenizer: {
    // Models fence their code. What they indent is the text of a list's item.
    code: () => undefined,
  },
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escaped(text),
    image: ({ raw }: Tokens.Image) => escaped(raw),
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "☑ " : "☐ "),
    // Below the heading of its message, and of one level: a screen reader's list of headings skips none.
    heading({ depth, tokens }: Tokens.Heading) {
      const text = this.parser.parseInline(tokens);
      return depth <= 3 ? `<h3>${text}</h3>\n` : `<p><strong>${text}</strong></p>\n`;
    },
    link({ href, tokens }: Tokens.Link) {
      const text = this.parser.parseInline(tokens);
      return LINK.test(href) ? `<a href="${escaped(href)}">${text}</a>` : text;
    },
  },
});

/** The HTML of a block, or null where marked fails at it. */
export function htmlOf(source: string): string | null {
  try {
    return marked.parse(source) as string;
  } catch {
    return null;
  }
}
