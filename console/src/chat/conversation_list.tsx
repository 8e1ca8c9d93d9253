/** The person's conversations, the newest first, and the way to find one by its title. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { MoreButton } from "../parts/more_button.tsx";
import { QueryView } from "../parts/query_view.tsx";
import { useAllPages } from "../parts/use_all_pages.ts";
import { conversationsQuery, FIRST, FIRST_TITLE, inList, withTitle } from "./conversations.ts";
import { replyIn } from "./reply_signals.ts";
import { isReading } from "./reply_state.ts";

interface Props {
  current: string | null;
  /** After a conversation of the list was chosen. */
  onChosen?: () => void;
}

export function ConversationList({ current, onChosen = () => {} }: Props) {
  const query = useInfiniteQuery(conversationsQuery);
  const [wanted, setWanted] = useState("");
  const isFinding = wanted.trim() !== "";
  // The API cannot search titles. A thousand of them are ten pages.
  useAllPages(query, isFinding);
  return (
    <div class="conversations">
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a page, and closes what covers it. */}
      <a class="new-conversation" href="#/chat" aria-current={current === null ? "page" : undefined} onClick={onChosen}>
        New conversation
      </a>
      <input
        type="search"
        aria-label="Find by title"
        placeholder="Find by title"
        dir="auto"
        value={wanted}
        onInput={(event) => setWanted(event.currentTarget.value)}
      />
      <QueryView query={query}>
        {(pages) => {
          const shown = withTitle(inList(pages), wanted);
          return (
            <>
              <ul>
                {!isFinding && <Item id={FIRST} title={FIRST_TITLE} {...{ current, onChosen }} isPinned />}
                {shown.map(({ id, title }) => (
                  <Item key={id} id={id} title={title} {...{ current, onChosen }} />
                ))}
              </ul>
              {isFinding && (
                <p class="muted" role="status">
                  {foundWords(shown.length, query.hasNextPage)}
                </p>
              )}
              {!isFinding && <MoreButton query={query} />}
            </>
          );
        }}
      </QueryView>
    </div>
  );
}

function foundWords(count: number, isMore: boolean): string {
  if (isMore) return "Looking …";
  if (count === 0) return "No title has these words.";
  return count === 1 ? "One is found." : `${count.toLocaleString()} are found.`;
}

interface ItemProps {
  id: string;
  title: string;
  current: string | null;
  onChosen: () => void;
  isPinned?: boolean;
}

function Item({ id, title, current, onChosen, isPinned = false }: ItemProps) {
  const reply = replyIn(id).value;
  return (
    <li class={isPinned ? "pinned" : ""}>
      <a href={`#/chat/${id}`} aria-current={id === current ? "page" : undefined} dir="auto" onClick={onChosen}>
        {title}
        {reply !== null && isReading(reply) && (
          <>
            <span class="busy" aria-hidden="true" />
            <span class="sr-only"> (a reply is being written)</span>
          </>
        )}
      </a>
    </li>
  );
}
