import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const place = document.createElement("div");
let announcer: typeof import("./announcer.tsx");

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  announcer = await import("./announcer.tsx");
  render(<announcer.Announcements />, place);
});
afterEach(() => {
  render(null, place);
  vi.useRealTimers();
});

/** The words that were said until nothing is left to say. */
async function heard(): Promise<string[]> {
  const words: string[] = [];
  for (let passedMs = 0; passedMs < 20_000; passedMs += 25) {
    await vi.advanceTimersByTimeAsync(25);
    const text = place.textContent ?? "";
    if (text !== words.at(-1)) words.push(text);
  }
  return words.filter((word) => word !== "");
}

test("words that follow each other at once are all heard, in order", async () => {
  announcer.notify("Saved.");
  announcer.announce("More is shown.");
  announcer.notify("Copied.");
  expect(await heard()).toEqual(["Saved.", "More is shown.", "Copied."]);
  expect(place.textContent).toBe("");
});

test("the same word twice is heard twice", async () => {
  announcer.announce("Copied.");
  announcer.announce("Copied.");
  expect(await heard()).toEqual(["Copied.", "Copied."]);
});

test("a word that comes while another is shown waits for a moment, and not until that one is gone", async () => {
  announcer.notify("Saved.");
  await vi.advanceTimersByTimeAsync(1000);
  announcer.notify("Deleted.");
  await vi.advanceTimersByTimeAsync(500);
  expect(place.textContent).toBe("Saved.");
  await vi.advanceTimersByTimeAsync(1000);
  expect(place.textContent).toBe("Deleted.");
});

test("of many words the newest are heard", async () => {
  for (let number = 1; number <= 9; number += 1) announcer.announce(`Word ${number}`);
  expect(await heard()).toEqual(["Word 5", "Word 6", "Word 7", "Word 8", "Word 9"]);
});
