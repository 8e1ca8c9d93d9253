import { QueryClientProvider } from "@tanstack/preact-query";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { queryClient } from "../../api/queries.ts";
import { notify } from "../../parts/announcer.tsx";
import { signIn } from "../../session/session.ts";
import { json, jwt, serve } from "../../session/testing.ts";
import { ChangeKeyDialog } from "./change_key_dialog.tsx";
import type { ApiKey } from "./keys_query.ts";

vi.mock(import("../../parts/announcer.tsx"), async (original) => ({ ...(await original()), notify: vi.fn() }));

const KEY: ApiKey = {
  id: "01KB05AY8G3W5VXQ7S4TB2NC6D",
  name: "Grace",
  prefix: "sk-nB7dQ2",
  created_at: "2026-11-22T08:13:20Z",
  expires_at: "2027-11-22T08:13:20Z",
  budget: null,
  requests_per_minute: null,
  models: ["dummy"],
  last_used_at: null,
};

const page = document.createElement("div");
let changes: string[];

beforeEach(async () => {
  document.body.append(page);
  changes = [];
  serve(async (path, request) => {
    if (path.endsWith("login/")) return json({ user: "ada", access_token: jwt({ exp: 9e9 }) });
    if (request.method === "PATCH") changes.push(await request.text());
    return path.endsWith("v1/models") ? json({ data: [{ id: "dummy" }] }) : json(KEY);
  });
  await signIn("ada", "secret");
  vi.mocked(notify).mockClear();
  await act(() =>
    render(
      <QueryClientProvider client={queryClient}>
        <ChangeKeyDialog apiKey={KEY} onClose={() => {}} />
      </QueryClientProvider>,
      page,
    ),
  );
});
afterEach(() => {
  render(null, page);
  queryClient.clear();
  vi.unstubAllGlobals();
});

async function save(name: string): Promise<void> {
  const input = page.querySelector<HTMLInputElement>("input[name=name]");
  if (input !== null) input.value = name;
  await act(() => {
    page.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  });
  await vi.waitFor(() => expect(notify).toHaveBeenCalled());
}

test("a form in which nothing was changed sends nothing, and says so", async () => {
  await save("Grace");
  expect(changes).toEqual([]);
  expect(notify).toHaveBeenCalledWith("Nothing was changed.");
});

test("a new name is sent alone, and the key is then changed", async () => {
  await save("Hopper");
  expect(changes.map((body) => JSON.parse(body))).toEqual([{ name: "Hopper" }]);
  expect(notify).toHaveBeenCalledWith("The key is changed.");
});
