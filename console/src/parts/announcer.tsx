/** Short words about an act that was just done, seen at the foot of the page and heard by screen readers. */

import { signal } from "@preact/signals";

interface Word {
  text: string;
  isSeen: boolean;
}

const SHOWN_MS = 6000;
/** Time for a word while others wait. */
const SHORTLY_SHOWN_MS = 2000;
/** Time in which the region is empty: the same word twice is heard twice only then. */
const GAP_MS = 50;
/** Beyond these the oldest word is dropped: it is about something long past. */
const MOST_WAITING = 5;

const SILENCE: Word = { text: "", isSeen: false };
const said = signal<Word>(SILENCE);
const waiting: Word[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
/** Since when the word that is said now is shown. */
let sinceMs = 0;

/** Says a word to eye and ear: "Saved." */
export function notify(text: string): void {
  say({ text, isSeen: true });
}

/** Says a word to screen readers alone, where the eye sees the change anyway. */
export function announce(text: string): void {
  say({ text, isSeen: false });
}

function say(word: Word): void {
  waiting.push(word);
  if (waiting.length > MOST_WAITING) waiting.shift();
  // A gap is followed by the next word anyway.
  if (said.peek() === SILENCE && timer !== undefined) return;
  const isShown = said.peek() !== SILENCE;
  schedule(isShown ? Math.max(sinceMs + SHORTLY_SHOWN_MS - Date.now(), 0) : 0);
}

/** Ends the word that is said, and then says the next one. */
function schedule(delayMs: number): void {
  clearTimeout(timer);
  const silence = () => {
    said.value = SILENCE;
    timer = waiting.length > 0 ? setTimeout(next, GAP_MS) : undefined;
  };
  if (delayMs === 0) silence();
  else timer = setTimeout(silence, delayMs);
}

function next(): void {
  said.value = waiting.shift() ?? SILENCE;
  sinceMs = Date.now();
  schedule(waiting.length > 0 ? SHORTLY_SHOWN_MS : SHOWN_MS);
}

/** The region that is heard. A modal dialog has one of its own, since everything outside of it is silent. */
export function Announcements() {
  const { text, isSeen } = said.value;
  return (
    <div role="status" class={isSeen ? "notice" : "sr-only"}>
      {text}
    </div>
  );
}
