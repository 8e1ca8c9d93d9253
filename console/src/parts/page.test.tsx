import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { Page } from "./page.tsx";

const place = document.createElement("main");
document.body.append(place);

afterEach(() => {
  render(null, place);
  vi.unstubAllGlobals();
});

const show = () => act(() => render(<Page title="Usage">Text</Page>, place));

test("the heading of a page that the person has gone to has the focus, though no page with a heading came before", async () => {
  vi.stubGlobal("navigator", { userActivation: { hasBeenActive: true } });
  await show();
  expect(document.activeElement?.textContent).toBe("Usage");
});

test("the page that a reload shows takes no focus", async () => {
  vi.stubGlobal("navigator", { userActivation: { hasBeenActive: false } });
  await show();
  expect(document.activeElement).toBe(document.body);
});
