import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/preact-query";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { QueryView } from "./query_view.tsx";

const place = document.createElement("div");
let tries = 0;

/** The first try gets no answer. */
function read(): Promise<string> {
  tries += 1;
  return tries === 1 ? new Promise(() => {}) : Promise.resolve("Ada");
}

function Name() {
  return <QueryView query={useQuery({ queryKey: ["name"], queryFn: read })}>{(name) => <p>{name}</p>}</QueryView>;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  render(null, place);
  vi.useRealTimers();
});

test("a read that hangs can be tried again", async () => {
  await act(() =>
    render(
      <QueryClientProvider client={new QueryClient()}>
        <Name />
      </QueryClientProvider>,
      place,
    ),
  );
  expect(place.querySelector("button")).toBeNull();
  await act(async () => {
    await vi.advanceTimersByTimeAsync(5000);
  });
  expect(place.textContent).toContain("Still waiting");
  await act(async () => {
    place.querySelector("button")?.click();
    await vi.advanceTimersByTimeAsync(100);
  });
  expect(place.textContent).toBe("Ada");
});
