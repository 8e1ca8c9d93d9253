import { QueryClient, QueryClientProvider } from "@tanstack/preact-query";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { modelsQuery } from "../../api/queries.ts";
import { changesOf, newKeyOf } from "./key_terms.ts";
import type { ApiKey } from "./keys_query.ts";
import { ModelsField } from "./models_field.tsx";

const KEY: ApiKey = {
  id: "01KB05AY8G3W5VXQ7S4TB2NC6D",
  name: "Grace",
  prefix: "sk-nB7dQ2",
  created_at: "2026-11-22T08:13:20Z",
  expires_at: null,
  budget: null,
  requests_per_minute: null,
  models: ["dummy", "gone"],
  last_used_at: null,
};

const page = document.createElement("div");

beforeEach(() => {
  document.body.append(page);
  // The models never come.
  vi.stubGlobal("fetch", () => new Promise(() => {}));
});
afterEach(() => {
  render(null, page);
  vi.unstubAllGlobals();
});

/** The form of a renamed key, with the models as they are known. */
async function form(known: string[] | Error | null, name = "Hopper"): Promise<FormData> {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  if (known instanceof Error) {
    await client.prefetchQuery({ ...modelsQuery, queryFn: () => Promise.reject(known), retry: false });
  } else if (known !== null) {
    client.setQueryData(
      modelsQuery.queryKey,
      known.map((id) => ({ id }) as never),
    );
  }
  await act(() =>
    render(
      <QueryClientProvider client={client}>
        <form>
          <input name="name" value={name} />
          <ModelsField ticked={["dummy", "gone"]} known={["dummy", "gone"]} />
        </form>
      </QueryClientProvider>,
      page,
    ),
  );
  return new FormData(page.querySelector("form") ?? undefined);
}

test("a key that is renamed while the models are loading keeps its models", async () => {
  expect(changesOf(KEY, await form(null))).toEqual({ name: "Hopper" });
});

test("a key that is renamed after the models could not be read keeps its models", async () => {
  const fields = await form(new Error("no connection"));
  expect(changesOf(KEY, fields)).toEqual({ name: "Hopper" });
});

test("a new key whose models were ticked has them also while the models are loading", async () => {
  const fields = await form(null);
  fields.set("password", "secret");
  expect(newKeyOf(fields)).toMatchObject({ models: ["dummy", "gone"] });
});

test("when the models are there each is sent once, also one that is gone from the catalogue", async () => {
  expect((await form(["dummy", "large"])).getAll("models")).toEqual(["dummy", "gone"]);
});
