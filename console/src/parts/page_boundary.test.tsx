import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { PageBoundary } from "./page_boundary.tsx";

const place = document.createElement("main");

afterEach(() => {
  render(null, place);
  vi.restoreAllMocks();
});

function Broken(): never {
  throw new Error("A page that throws.");
}

test("a page that throws is replaced by a way to reload, and another page is shown all the same", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  await act(() =>
    render(
      <PageBoundary path="/usage">
        <Broken />
      </PageBoundary>,
      place,
    ),
  );
  expect(place.querySelector("h1")?.textContent).toBe("This page failed");
  expect(place.querySelector("button")?.textContent).toBe("Reload");
  expect(logged).toHaveBeenCalledOnce();
  await act(() =>
    render(
      <PageBoundary path="/keys">
        <h1>API keys</h1>
      </PageBoundary>,
      place,
    ),
  );
  expect(place.textContent).toBe("API keys");
});
