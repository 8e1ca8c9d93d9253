/** The conversations of the person: the list, newest first, and what can be done with one. */

import { type InfiniteData, infiniteQueryOptions } from "@tanstack/preact-query";
import { answered, api, type Schema } from "../api/client.ts";
import { queryClient } from "../api/queries.ts";

export type Conversation = Schema<"Conversation">;

/** The conversation that everybody has, which is in no list and has no title. */
export const FIRST = "00000000000000000000000000";
export const FIRST_TITLE = "First conversation";

const A_PAGE = 100;
/** A title has at most 200 characters. One that is made from a message is short enough for a list. */
const MOST_OF_A_TITLE = 80;
export const MOST_OF_ANY_TITLE = 200;

export const conversationsQuery = infiniteQueryOptions({
  queryKey: ["conversations"],
  queryFn: ({ pageParam, signal }) => {
    const query = { limit: A_PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) };
    return answered(api.GET("/conversations/", { params: { query }, signal }));
  },
  initialPageParam: null as string | null,
  getNextPageParam: ({ next }) => next,
  staleTime: 60_000,
});

type Pages = InfiniteData<Schema<"ConversationPage">, unknown>;

export function inList(pages: Pages | undefined): Conversation[] {
  return pages?.pages.flatMap(({ conversations }) => conversations) ?? [];
}

/** The conversations whose title has all words of `wanted`, in any order and any case. */
export function withTitle(conversations: Conversation[], wanted: string): Conversation[] {
  const words = folded(wanted).split(/\s+/).filter(Boolean);
  return conversations.filter(({ title }) => words.every((word) => folded(title).includes(word)));
}

/** Without case and accents, so that "cafe" finds "Café". */
function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** The title of a message that has no sign which can be seen. */
const UNTITLED = "Untitled";

/** A title from the first words of a message. */
export function titleOf(message: string): string {
  const words = message.replace(/[\s\p{Cc}]+/gu, " ").trim();
  const characters = [...words];
  if (characters.length <= MOST_OF_A_TITLE) return words || UNTITLED;
  const cut = characters.slice(0, MOST_OF_A_TITLE - 1).join("");
  const end = cut.lastIndexOf(" ");
  return `${end > cut.length / 2 ? cut.slice(0, end) : cut}…`;
}

export async function makeConversation(title: string): Promise<Conversation> {
  const made = await answered(api.POST("/conversations/", { body: { title } }));
  await change((conversations, page) => (page === 0 ? [made, ...conversations] : conversations));
  return made;
}

export async function renameConversation(id: string, title: string): Promise<void> {
  await answered(api.PATCH("/conversations/{id}/", { params: { path: { id } }, body: { title } }));
  await change((conversations) => conversations.map((each) => (each.id === id ? { ...each, title } : each)));
}

/** Deletes a conversation, or empties the first one. */
export async function deleteConversation(id: string): Promise<void> {
  await answered(api.DELETE("/conversations/{id}/", { params: { path: { id } } }));
  await change((conversations) => conversations.filter((each) => each.id !== id));
  queryClient.removeQueries({ queryKey: ["messages", id] });
}

/** Changes what the page knows of the list, so that it need not be read again. */
async function change(changed: (conversations: Conversation[], page: number) => Conversation[]): Promise<void> {
  const { queryKey } = conversationsQuery;
  // A read that began earlier knows less, and would undo the change.
  await queryClient.cancelQueries({ queryKey });
  const before = queryClient.getQueryData<Pages>(queryKey);
  if (before === undefined) {
    void queryClient.invalidateQueries({ queryKey });
    return;
  }
  const pages = before.pages.map((page, index) => ({ ...page, conversations: changed(page.conversations, index) }));
  queryClient.setQueryData<Pages>(queryKey, { ...before, pages });
}
