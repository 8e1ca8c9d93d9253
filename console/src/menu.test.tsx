import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Router } from "wouter-preact";
import { Menu } from "./menu.tsx";
import { useHashLocation } from "./parts/hash_location.ts";

const place = document.createElement("div");
document.body.append(place);

const pages = [
  { path: "/chat", label: "Chat" },
  { path: "/usage", label: "Usage" },
];

function menu(): HTMLDetailsElement {
  const shown = place.querySelector("details");
  if (shown === null) throw new Error("There is no menu.");
  return shown;
}

beforeEach(async () => {
  location.hash = "#/usage";
  await act(() =>
    render(
      <Router hook={useHashLocation}>
        <Menu pages={pages} />
      </Router>,
      place,
    ),
  );
  menu().open = true;
});
afterEach(() => render(null, place));

test("the menu closes on Escape, and its button has the focus", () => {
  menu()
    .querySelector("a")
    ?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect(menu().open).toBe(false);
  expect(document.activeElement?.textContent).toBe("Menu");
});

test("the menu closes when the page that is shown already is chosen", () => {
  menu().querySelector<HTMLElement>("[aria-current]")?.click();
  expect(menu().open).toBe(false);
});

test("the menu closes on a press outside, and stays open on one within", () => {
  menu()
    .querySelector("summary")
    ?.dispatchEvent(new Event("pointerdown", { bubbles: true }));
  expect(menu().open).toBe(true);
  document.body.dispatchEvent(new Event("pointerdown", { bubbles: true }));
  expect(menu().open).toBe(false);
});
