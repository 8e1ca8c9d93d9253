import { describe, expect, it, vi } from "vitest";
import { api } from "../api/client.ts";
import { queryClient } from "../api/queries.ts";
import { inOrder, type Message, messagesQuery, readNewest, withNewest } from "./messages.ts";

function messages(...ids: string[]): Message[] {
  return ids.map((id) => ({
    id,
    message: "Hello",
    response: "Hi",
    tokens: 1,
    model: "dummy",
    usage: { input_tokens: 1, output_tokens: 1 },
    created_at: "2026-11-22T08:13:20Z",
  }));
}

const PAGES = {
  pages: [
    { messages: messages("5", "4"), next: "after 4" },
    { messages: messages("3"), next: null },
  ],
  pageParams: [null, "after 4"],
};
const idsOf = (all: Message[]) => all.map(({ id }) => id).join("");

describe("the messages of a conversation", () => {
  it("are shown with the earliest first", () => {
    expect(idsOf(inOrder(PAGES))).toBe("345");
  });

  it("take in the newest without reading the earlier ones again", () => {
    const after = withNewest(PAGES, { messages: messages("7", "6", "5"), next: "after 5" });
    expect(after?.pages.map((page) => idsOf(page.messages))).toEqual(["7654", "3"]);
    expect(after?.pages[0]?.next).toBe("after 4");
  });

  it("are read anew where some may be missing between", () => {
    expect(withNewest(PAGES, { messages: messages("9", "8"), next: "after 8" })).toBeNull();
  });

  it("of an empty conversation begin with the first", () => {
    const empty = { pages: [{ messages: [], next: null }], pageParams: [null] };
    const after = withNewest(empty, { messages: messages("1"), next: null });
    expect(after?.pages.map((page) => idsOf(page.messages))).toEqual(["1"]);
  });
});

describe("reading the newest messages", () => {
  it("is not undone by a read that began before", async () => {
    const query = messagesQuery("C");
    queryClient.setQueryData(query.queryKey, PAGES);
    let answerLate: (answer: object) => void = () => {};
    const read = vi.spyOn(api, "GET");
    read.mockImplementationOnce(() => new Promise((resolve) => (answerLate = resolve)) as never);
    const late = queryClient.fetchInfiniteQuery({ ...query, staleTime: 0 }).catch(() => {});
    const newest = { messages: messages("6", "5"), next: "after 5" };
    read.mockResolvedValueOnce({ data: newest, response: new Response() } as never);
    await readNewest("C");
    answerLate({ data: PAGES.pages[0], response: new Response() });
    await late;
    expect(queryClient.getQueryData(query.queryKey)?.pages.map((page) => idsOf(page.messages))).toEqual(["654", "3"]);
    read.mockRestore();
  });
});
