/** The text of a stream, drawn a few words at a time. */

/** Text is drawn ten times a second at most, so that drawing does not keep the page from its work. */
const DRAWN_EACH_MS = 100;

/** Text that waits to be drawn. */
export class TextBuffer {
  #text = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #draw: (text: string) => unknown;

  constructor(draw: (text: string) => unknown) {
    this.#draw = draw;
  }

  add(text: string): void {
    this.#text += text;
    this.#timer ??= setTimeout(() => this.flush(), DRAWN_EACH_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#text;
    this.#text = "";
    if (text !== "") this.#draw(text);
  }
}
