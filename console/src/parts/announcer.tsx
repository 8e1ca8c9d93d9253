/** Short words about what just happened, seen at the foot of the page and heard by screen readers. */

import { signal } from "@preact/signals";

const SHOWN_MS = 6000;

const said = signal<{ text: string; isSeen: boolean }>({ text: "", isSeen: false });
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says it to everybody: "Saved." */
export function notify(text: string): void {
  say(text, true);
}

/** Says it to screen readers alone, where the eye sees it anyway. */
export function announce(text: string): void {
  say(text, false);
}

function say(text: string, isSeen: boolean): void {
  clearTimeout(timer);
  // The same words twice are heard twice only if the region was empty between them.
  said.value = { text: "", isSeen: false };
  timer = setTimeout(() => {
    said.value = { text, isSeen };
    timer = setTimeout(() => {
      said.value = { text: "", isSeen: false };
    }, SHOWN_MS);
  }, 50);
}

export function Announcer() {
  const { text, isSeen } = said.value;
  return (
    <div role="status" class={isSeen ? "notice" : "sr-only"}>
      {text}
    </div>
  );
}
