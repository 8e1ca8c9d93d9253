import { QueryClientProvider } from "@tanstack/preact-query";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { queryClient } from "../../api/queries.ts";
import { signIn } from "../../session/session.ts";
import { json, jwt, problem, serve } from "../../session/testing.ts";
import { NewKeyDialog } from "./new_key_dialog.tsx";

const MADE = { id: "01KB05AY8G3W5VXQ7S4TB2NC6D", name: "notebook", key: "sk-secret", models: null };

const page = document.createElement("div");
let make: ((answer: Response) => void) | null;
let closed: number;

beforeEach(async () => {
  document.body.append(page);
  sessionStorage.clear();
  closed = 0;
  make = null;
  serve((path, request) => {
    if (path.endsWith("login/")) return json({ user: "ada", access_token: jwt({ exp: 9e9 }) });
    if (path.endsWith("v1/models")) return json({ data: [] });
    if (path.endsWith("keys/") && request.method === "POST")
      return new Promise<Response>((resolve) => {
        make = resolve;
      });
    return json({ keys: [] });
  });
  await signIn("ada", "secret");
});
afterEach(() => {
  render(null, page);
  queryClient.clear();
  vi.unstubAllGlobals();
});

async function open(): Promise<void> {
  await act(() =>
    render(
      <QueryClientProvider client={queryClient}>
        <NewKeyDialog
          onClose={() => {
            closed += 1;
          }}
        />
      </QueryClientProvider>,
      page,
    ),
  );
}

async function type(name: string, value: string): Promise<void> {
  const input = page.querySelector<HTMLInputElement>(`input[name=${name}]`);
  if (input === null) throw new Error(`no field ${name}`);
  await act(() => {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

async function submit(): Promise<void> {
  await act(() => {
    page.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  });
  await vi.waitFor(() => expect(make).not.toBeNull());
}

async function answer(response: Response): Promise<void> {
  await act(async () => {
    make?.(response);
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
}

async function pressEverythingThatCloses(): Promise<void> {
  await act(() => {
    page.querySelector("dialog")?.dispatchEvent(new Event("cancel", { cancelable: true }));
    for (const button of page.querySelectorAll<HTMLElement>("[aria-label=Close], .buttons .secondary")) button.click();
  });
}

test("the dialog does not close while the key is being made, and then shows the key", async () => {
  await open();
  await type("name", "notebook");
  await submit();
  await pressEverythingThatCloses();
  expect(closed).toBe(0);
  await answer(json(MADE, 201));
  expect(page.textContent).toContain("sk-secret");
});

test("after a refusal the dialog closes again", async () => {
  await open();
  await submit();
  await answer(problem(400, "invalid"));
  await pressEverythingThatCloses();
  expect(closed).toBeGreaterThan(0);
});

test("the terms of a key survive a reload, and its password does not", async () => {
  await open();
  await type("name", "notebook");
  await type("password", "correct horse");
  render(null, page);
  await open();
  expect(page.querySelector<HTMLInputElement>("input[name=name]")?.value).toBe("notebook");
  expect(page.querySelector<HTMLInputElement>("input[name=password]")?.value).toBe("");
  expect(JSON.stringify({ ...sessionStorage })).not.toContain("correct horse");
});

test("terms that were given up are forgotten", async () => {
  await open();
  await type("name", "notebook");
  await pressEverythingThatCloses();
  render(null, page);
  await open();
  expect(page.querySelector<HTMLInputElement>("input[name=name]")?.value).toBe("");
});
