/** The messages of a conversation, as the server has them: newest first, in pages. */

import { type InfiniteData, infiniteQueryOptions } from "@tanstack/preact-query";
import { answered, api, type Schema } from "../api/client.ts";
import { queryClient } from "../api/queries.ts";

export type Message = Schema<"Message">;
type Page = Schema<"MessagePage">;
type Pages = InfiniteData<Page, string | null>;

const A_PAGE = 20;

function readPage(conversation: string, cursor: string | null, signal?: AbortSignal): Promise<Page> {
  const query = { limit: A_PAGE, ...(cursor === null ? {} : { cursor }) };
  const params = { path: { id: conversation }, query };
  return answered(api.GET("/conversations/{id}/messages/", { params, signal: signal ?? null }));
}

export function messagesQuery(conversation: string) {
  return infiniteQueryOptions({
    queryKey: ["messages", conversation],
    queryFn: ({ pageParam, signal }) => readPage(conversation, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    staleTime: 60_000,
  });
}

/** Reads the newest messages, puts them before those that were read, and answers them. Earlier pages are not read again. */
export async function readNewest(conversation: string): Promise<Message[]> {
  const newest = await readPage(conversation, null);
  const { queryKey } = messagesQuery(conversation);
  if (queryClient.getQueryData(queryKey) === undefined) return newest.messages;
  // A read that began earlier knows less, and would take the place of this one.
  await queryClient.cancelQueries({ queryKey });
  const before = queryClient.getQueryData<Pages>(queryKey);
  const after = before === undefined ? null : withNewest(before, newest);
  if (after === null) await queryClient.resetQueries({ queryKey });
  else queryClient.setQueryData(queryKey, after);
  return newest.messages;
}

/** The pages with the newest messages in the first of them, or null if there may be others between them. */
export function withNewest(pages: Pages, newest: Page): Pages | null {
  const [first, ...others] = pages.pages;
  if (first === undefined) return null;
  const known = new Set(first.messages.map(({ id }) => id));
  const isJoined = newest.next === null || newest.messages.some(({ id }) => known.has(id));
  if (!isJoined) return null;
  const added = newest.messages.filter(({ id }) => !known.has(id));
  return { ...pages, pages: [{ ...first, messages: [...added, ...first.messages] }, ...others] };
}

/** All messages that were read, the earliest first, each once. */
export function inOrder(pages: InfiniteData<Page, unknown>): Message[] {
  const all = pages.pages.flatMap(({ messages }) => messages);
  return [...new Map(all.map((message) => [message.id, message])).values()].reverse();
}

/** The id of the newest message that the page knows. */
export function newestKnown(conversation: string): string | null {
  const pages = queryClient.getQueryData<Pages>(messagesQuery(conversation).queryKey);
  return pages?.pages.find(({ messages }) => messages.length > 0)?.messages[0]?.id ?? null;
}
