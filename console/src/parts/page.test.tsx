import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const place = document.createElement("main");
document.body.append(place);
let Page: typeof import("./page.tsx").Page;

beforeEach(async () => {
  vi.resetModules();
  ({ Page } = await import("./page.tsx"));
});
afterEach(() => render(null, place));

const show = () => act(() => render(<Page title="Usage">Text</Page>, place));

test("the heading of a page that the person has gone to has the focus, though no page with a heading came before", async () => {
  document.body.click();
  await show();
  expect(document.activeElement?.textContent).toBe("Usage");
});

test("the page that a reload shows takes no focus", async () => {
  await show();
  expect(document.activeElement).toBe(document.body);
});
