/**
 * Splits a reply into blocks that are drawn each by itself, so that only the last one is parsed again while the model writes, and
 * hostile text costs no more than a block does. marked takes a minute for some texts of 150 KB, and throws at others.
 */

export type Block =
  /** A fenced block of code. `language` is empty where none is named. */
  | { kind: "code"; language: string; text: string }
  /** Markdown without fences. */
  | { kind: "prose"; source: string }
  /** Text that is shown as it was written, because it is too long or too deep to be parsed. */
  | { kind: "plain"; text: string };

/** The longest block that is parsed. marked takes about the square of the length in the worst case. */
export const MOST_CHARACTERS = 8 * 1024;

/** A list goes on over blank lines up to this length. Then the next item begins a block, and keeps its number. */
const MOST_OF_A_LIST = 4 * 1024;

/** The most blocks. What comes after them is plain text. */
const MOST_BLOCKS = 2000;

/** The most signs of emphasis in a block that is parsed: marked looks for the partner of each among all others. */
const MOST_EMPHASIS = 1000;

/** The most quotes and lists within each other. */
const MOST_LEVELS = 50;

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/;
const ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
/** The signs of quotes and items before a line's text. */
const MARKERS = /^(?:\s*(?:>|[-*+](?=\s)|\d{1,9}[.)](?=\s)))+/;
const MARKER = />|[-*+]|\d{1,9}[.)]/g;
const SPACES_OF_A_LEVEL = 2;

export function blocksOf(reply: string): Block[] {
  const splitter = new Splitter();
  for (const line of reply.replace(/\r\n?/g, "\n").split("\n")) splitter.take(line);
  return splitter.end();
}

interface Fence {
  sign: string;
  indent: number;
  language: string;
}

class Splitter {
  readonly #blocks: Block[] = [];
  #lines: string[] = [];
  #length = 0;
  #fence: Fence | null = null;

  take(line: string): void {
    if (this.#fence !== null) {
      if (closes(line, this.#fence)) this.#closeCode(this.#fence);
      else this.#lines.push(withoutIndent(line, this.#fence.indent));
      return;
    }
    const fence = FENCE.exec(line);
    if (fence !== null && this.#blocks.length < MOST_BLOCKS) {
      this.#closeProse();
      const [, indent = "", sign = "", language = ""] = fence;
      this.#fence = { sign, indent: indent.length, language };
      return;
    }
    if (this.#isNextBlock(line)) this.#closeProse();
    // Blank lines before a block belong to none.
    if (this.#lines.length === 0 && line.trim() === "") return;
    this.#lines.push(line);
    this.#length += line.length + 1;
  }

  end(): Block[] {
    if (this.#fence !== null) this.#closeCode(this.#fence);
    this.#closeProse();
    return this.#blocks;
  }

  /** Whether `line` begins a block of its own: after a blank line, unless it goes on with a list. */
  #isNextBlock(line: string): boolean {
    const isAfterBlank = this.#lines.at(-1)?.trim() === "";
    if (!isAfterBlank || line.trim() === "" || this.#blocks.length >= MOST_BLOCKS) return false;
    const isOfList = ITEM.test(this.#lines[0] ?? "") && (/^\s/.test(line) || ITEM.test(line));
    return !isOfList || this.#length > MOST_OF_A_LIST;
  }

  #closeCode({ language }: Fence): void {
    this.#blocks.push({ kind: "code", language, text: this.#lines.join("\n") });
    this.#fence = null;
    this.#lines = [];
  }

  #closeProse(): void {
    const source = this.#lines.join("\n").trimEnd();
    if (source !== "") this.#blocks.push(proseOrPlain(source, this.#blocks.length < MOST_BLOCKS));
    this.#lines = [];
    this.#length = 0;
  }
}

function closes(line: string, { sign }: Fence): boolean {
  const closing = line.trim();
  return closing.length >= sign.length && closing === sign.charAt(0).repeat(closing.length);
}

function withoutIndent(line: string, indent: number): string {
  let width = 0;
  while (width < indent && (line[width] === " " || line[width] === "\t")) width += 1;
  return line.slice(width);
}

function proseOrPlain(source: string, isWithinBounds: boolean): Block {
  const isParsed =
    isWithinBounds &&
    source.length <= MOST_CHARACTERS &&
    (source.match(/[*_]/g)?.length ?? 0) <= MOST_EMPHASIS &&
    isShallow(source);
  return isParsed ? { kind: "prose", source } : { kind: "plain", text: source };
}

function isShallow(source: string): boolean {
  return source.split("\n").every((line) => {
    const markers = MARKERS.exec(line)?.[0] ?? "";
    const signs = markers.match(MARKER)?.length ?? 0;
    const indent = line.length - line.trimStart().length;
    return signs + indent / SPACES_OF_A_LEVEL <= MOST_LEVELS;
  });
}
