/** One conversation: its title, what was said, and where the next message is typed. */

import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/preact-query";
import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { isProblem } from "../api/problem.ts";
import { modelsQuery } from "../api/queries.ts";
import { useDraft } from "../parts/drafts.ts";
import { begin, isBeginning, NEW_DRAFT } from "./beginning.ts";
import { Composer } from "./composer.tsx";
import { ConversationHead } from "./conversation_head.tsx";
import { Beginning, Log } from "./log.tsx";
import { messagesQuery } from "./messages.ts";
import { chosenOf, replying } from "./models.ts";
import { send, stop } from "./replies.ts";
import { replyIn } from "./reply_signals.ts";
import { isOpen, isReading, isSettled, type Reply } from "./reply_state.ts";

/** `conversation` is null for one that begins with the next message. */
export function ConversationView({ conversation }: { conversation: string | null }) {
  const [draft, setDraft] = useDraft(conversation === null ? NEW_DRAFT : `chat ${conversation}`);
  const models = useQuery(modelsQuery);
  const offered = replying(models.data ?? []);
  const chosen = chosenOf(offered);
  const model = chosen?.id ?? null;
  const sending = useSending(conversation, model, () => setDraft(""));
  const reply = conversation === null ? null : replyIn(conversation).value;
  const { obstacle, isThere } = useObstacle(conversation, reply);
  const area = useRef<HTMLTextAreaElement>(null);
  const edit = (message: string) => setDraft(draft.trim() === "" ? message : `${message}\n\n${draft}`);
  if (!isThere) return <NoConversation />;
  return (
    <section class="conversation" aria-label="Conversation">
      <ConversationHead conversation={conversation} />
      {conversation === null ? (
        <div class="log-place">
          <Beginning />
        </div>
      ) : (
        <Log conversation={conversation} model={model} onEdit={edit} onActed={() => area.current?.focus()} />
      )}
      <Composer
        conversation={conversation}
        draft={draft}
        onDraft={setDraft}
        models={offered}
        chosen={chosen}
        error={sending.error ?? models.error}
        isSending={sending.isPending}
        isReading={reply !== null && isReading(reply)}
        obstacle={models.isPending ? "The models are not there yet." : obstacle}
        onSend={sending.send}
        onStop={() => {
          if (conversation !== null) stop(conversation);
          area.current?.focus();
        }}
        area={area}
      />
    </section>
  );
}

/** Sends a message. The page of a new conversation goes to it, unless the person has gone elsewhere. */
function useSending(conversation: string | null, model: string | null, onSent: () => void) {
  const [, navigate] = useLocation();
  const isHere = useRef(true);
  useEffect(
    () => () => {
      isHere.current = false;
    },
    [],
  );
  const open = (id: string) => {
    if (isHere.current) navigate(`/chat/${id}`, { replace: true });
  };
  const sending = useMutation({
    mutationFn: async (message: string) => {
      if (conversation === null) return begin(message, model, open);
      send({ message, model, conversation });
      return conversation;
    },
    onSuccess: onSent,
  });
  return {
    error: sending.error,
    isPending: sending.isPending || (conversation === null && isBeginning.value),
    send: (message: string) => sending.mutate(message),
  };
}

/** Whether the conversation is there, and why the next message has to wait. */
function useObstacle(conversation: string | null, reply: Reply | null): { isThere: boolean; obstacle: string | null } {
  const messages = useInfiniteQuery({ ...messagesQuery(conversation ?? ""), enabled: conversation !== null });
  if (isProblem(messages.error, "not_found")) return { isThere: false, obstacle: null };
  return { isThere: true, obstacle: conversation === null ? null : obstacleOf(messages.data !== undefined, reply) };
}

function obstacleOf(isRead: boolean, reply: Reply | null): string | null {
  // The page finds a sent message again among the messages that the conversation had.
  if (!isRead) return "What was said before is not there yet.";
  if (reply === null || isSettled(reply)) return null;
  if (isReading(reply)) return "The next message can be sent when the reply is there.";
  return isOpen(reply)
    ? "Get the reply to the message above first, or dismiss it."
    : "Try the message above again, edit it, or dismiss it first.";
}

function NoConversation() {
  return (
    <section class="conversation" aria-label="Conversation">
      <ConversationHead conversation={null} title="There is no such conversation" />
      <div class="beginning">
        <p>It may have been deleted, here or in another tab.</p>
        <p>
          <a href="#/chat">Begin a new one</a>
        </p>
      </div>
    </section>
  );
}
