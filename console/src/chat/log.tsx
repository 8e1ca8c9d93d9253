/** The messages of a conversation, the earliest first, and the reply under way. */

import { type UseInfiniteQueryResult, useInfiniteQuery } from "@tanstack/preact-query";
import { useEffect } from "preact/hooks";
import { announce } from "../parts/announcer.tsx";
import { ProblemNote } from "../parts/problem_note.tsx";
import { QueryView } from "../parts/query_view.tsx";
import { Exchange } from "./exchange.tsx";
import { LiveExchange } from "./live_exchange.tsx";
import { inOrder, type Message, messagesQuery } from "./messages.ts";
import { resume } from "./replies.ts";
import { replyIn } from "./reply_signals.ts";
import { useEnd } from "./use_end.ts";

interface Props {
  conversation: string;
  model: string | null;
  onEdit: (message: string) => void;
  /** After a button that is then no longer there. */
  onActed: () => void;
}

export function Log({ conversation, model, onEdit, onActed }: Props) {
  const query = useInfiniteQuery(messagesQuery(conversation));
  const messages = query.data === undefined ? [] : inOrder(query.data);
  const { scroller, content, isAway, goToEnd } = useEnd(messages[0]?.id);
  useEffect(() => resume(conversation), [conversation]);
  // A message that is sent is scrolled into sight, also from an earlier place.
  const key = replyIn(conversation).value?.sent.key;
  useEffect(() => {
    if (key !== undefined) goToEnd();
  }, [key]);
  return (
    <div class="log-place">
      {/* The words that stream in are not live: announcements say what happens. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard (axe, scrollable-region-focusable). */}
      <div ref={scroller} class="log" role="log" aria-live="off" aria-label="Messages" tabIndex={0}>
        <div ref={content} class="log-content">
          <QueryView query={query}>
            {() => (
              <>
                <EarlierButton query={query} onLast={() => scroller.current?.focus()} />
                {messages.length === 0 && !query.hasNextPage && key === undefined && <Beginning />}
                {messages.map((message) => (
                  <Exchange key={message.id} message={message} />
                ))}
              </>
            )}
          </QueryView>
          <Live conversation={conversation} messages={messages} model={model} onEdit={onEdit} onActed={onActed} />
        </div>
      </div>
      {isAway && (
        <button
          type="button"
          class="small secondary to-end"
          onClick={() => {
            goToEnd();
            scroller.current?.focus({ preventScroll: true });
          }}
        >
          Go to the newest
        </button>
      )}
    </div>
  );
}

/** Alone in what it draws, so that the words that stream in draw nothing else. */
function Live({ conversation, messages, model, onEdit, onActed }: Props & { messages: Message[] }) {
  const reply = replyIn(conversation).value;
  if (reply === null) return null;
  return (
    <LiveExchange reply={reply} messages={[...messages].reverse()} model={model} onEdit={onEdit} onActed={onActed} />
  );
}

type Pages = Pick<
  UseInfiniteQueryResult,
  "hasNextPage" | "fetchNextPage" | "isFetchingNextPage" | "isFetchNextPageError" | "error"
>;

function EarlierButton({ query, onLast }: { query: Pages; onLast: () => void }) {
  if (!query.hasNextPage) return null;
  const show = async () => {
    const { isError, hasNextPage } = await query.fetchNextPage();
    if (isError) return;
    announce("Earlier messages are shown.");
    if (!hasNextPage) onLast();
  };
  return (
    <div class="more">
      <ProblemNote error={query.isFetchNextPageError ? query.error : null} />
      <button type="button" class="small secondary" aria-busy={query.isFetchingNextPage} onClick={() => void show()}>
        Show earlier
      </button>
    </div>
  );
}

export function Beginning() {
  return (
    <div class="beginning">
      <p>Nothing has been said here yet.</p>
      <p class="muted">A model is told what was said before in the same conversation, and nothing of the others.</p>
    </div>
  );
}
