/** The title of a conversation, and what can be done with the whole of it. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.tsx";
import { useAllPages } from "../parts/use_all_pages.ts";
import { DeleteDialog, RenameDialog } from "./conversation_dialogs.tsx";
import { ConversationList } from "./conversation_list.tsx";
import { conversationsQuery, FIRST, FIRST_TITLE, inList } from "./conversations.ts";
import { useIsWide } from "./use_is_wide.ts";

type Open = "list" | "rename" | "delete" | null;

interface Props {
  conversation: string | null;
  /** In place of the conversation's own. */
  title?: string;
}

export function ConversationHead({ conversation, title: given }: Props) {
  const [open, setOpen] = useState<Open>(null);
  const isWide = useIsWide();
  const known = useTitle(conversation);
  const title = given ?? known;
  const close = () => setOpen(null);
  useEffect(() => {
    document.title = `${title ?? "Conversation"} · chat-api`;
  }, [title]);
  return (
    <header class="conversation-head">
      {!isWide && (
        <button type="button" class="small secondary" onClick={() => setOpen("list")}>
          Conversations
        </button>
      )}
      <h1 dir="auto" tabIndex={-1}>
        {title ?? "Conversation"}
      </h1>
      {conversation !== null && (
        <span class="conversation-acts">
          {conversation !== FIRST && (
            <button type="button" class="small secondary" onClick={() => setOpen("rename")}>
              Rename
            </button>
          )}
          <button type="button" class="small secondary" onClick={() => setOpen("delete")}>
            {conversation === FIRST ? "Empty" : "Delete"}
          </button>
        </span>
      )}
      {open === "list" && (
        <Dialog title="Conversations" onClose={close}>
          {/* The conversation that is open may be chosen too. */}
          <ConversationList current={conversation} onChosen={close} />
        </Dialog>
      )}
      {open === "rename" && conversation !== null && (
        <RenameDialog id={conversation} title={title ?? ""} onClose={close} />
      )}
      {open === "delete" && conversation !== null && <DeleteDialog id={conversation} title={title} onClose={close} />}
    </header>
  );
}

/** The title, null while it is not known. The API tells titles in its list alone, so an old one may be some pages away. */
function useTitle(conversation: string | null): string | null {
  const query = useInfiniteQuery(conversationsQuery);
  const known = inList(query.data).find(({ id }) => id === conversation)?.title;
  const isListed = conversation !== null && conversation !== FIRST;
  useAllPages(query, isListed && known === undefined);
  if (conversation === null) return "New conversation";
  return conversation === FIRST ? FIRST_TITLE : (known ?? null);
}
