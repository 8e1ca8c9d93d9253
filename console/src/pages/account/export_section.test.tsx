import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { save } from "../../parts/download.ts";
import { signIn } from "../../session/session.ts";
import { json, jwt, serve } from "../../session/testing.ts";
import { ExportSection } from "./export_section.tsx";

vi.mock("../../parts/download.ts", () => ({ save: vi.fn() }));

const page = document.createElement("div");
document.body.append(page);
afterEach(() => vi.unstubAllGlobals());

/** Begins an export whose only page is answered by the function that comes back. */
async function begin(): Promise<{ answer: () => Promise<void>; signal: AbortSignal }> {
  const asked: Request[] = [];
  let send: (answer: Response) => void = () => {};
  serve((path, request) => {
    if (path.endsWith("login/")) return json({ user: "ada", access_token: jwt({ exp: 9e9 }) });
    asked.push(request);
    return new Promise((resolve) => {
      send = resolve;
    });
  });
  await signIn("ada", "secret");
  await act(() => render(<ExportSection username="ada" />, page));
  await act(() => page.querySelector("button")?.click());
  const { signal } = await vi.waitFor(() => asked[0] ?? Promise.reject(new Error("nothing was asked")));
  const answer = async () => {
    send(new Response('{"type":"page","next":null}\n'));
    await act(() => new Promise<void>((resolve) => setTimeout(resolve, 20)));
  };
  return { answer, signal };
}

test("an export that is read to its end is saved under the name of the account", async () => {
  const { answer } = await begin();
  await answer();
  expect(save).toHaveBeenCalledWith(expect.anything(), "application/x-ndjson", "chat-api-ada.jsonl");
});

test("an export whose page was left, as by a sign-out, is stopped and never saved", async () => {
  vi.mocked(save).mockClear();
  const { answer, signal } = await begin();
  await act(() => render(null, page));
  expect(signal.aborted).toBe(true);
  await answer();
  expect(save).not.toHaveBeenCalled();
});
