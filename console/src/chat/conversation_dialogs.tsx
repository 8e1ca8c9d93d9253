/** Another title for a conversation, and its end. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { notify } from "../parts/announcer.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { keepDraft, keptDraft } from "../parts/drafts.ts";
import { ActForm, TextField } from "../parts/form.tsx";
import { deleteConversation, FIRST, MOST_OF_ANY_TITLE, renameConversation } from "./conversations.ts";
import { dismiss } from "./replies.ts";

export function RenameDialog({ id, title, onClose }: { id: string; title: string; onClose: () => void }) {
  const draft = `title of ${id}`;
  const [typed, setTyped] = useState(() => keptDraft(draft) || title);
  const type = (text: string) => {
    setTyped(text);
    keepDraft(draft, text);
  };
  const close = () => {
    keepDraft(draft, "");
    onClose();
  };
  const renaming = useMutation({
    mutationFn: (fields: FormData) => renameConversation(id, `${fields.get("title")}`),
    onSuccess: () => {
      notify("Renamed.");
      close();
    },
  });
  return (
    <Dialog title="Rename the conversation" onClose={close}>
      <ActForm act={renaming} label="Rename" onRefuse={close}>
        <TextField
          label="Title"
          name="title"
          dir="auto"
          value={typed}
          onInput={(event) => type(event.currentTarget.value)}
          maxLength={MOST_OF_ANY_TITLE}
          required
          autoFocus
        />
      </ActForm>
    </Dialog>
  );
}

export function DeleteDialog({ id, title, onClose }: { id: string; title: string | null; onClose: () => void }) {
  const [, navigate] = useLocation();
  const isFirst = id === FIRST;
  const deleting = useMutation({
    mutationFn: (_: FormData) => deleteConversation(id),
    onSuccess: () => {
      keepDraft(`chat ${id}`, "");
      dismiss(id);
      notify(isFirst ? "It is empty." : "Deleted.");
    },
  });
  // Not once the person has gone to another page.
  const done = () => {
    onClose();
    if (!isFirst) navigate("/chat");
  };
  return (
    <Dialog title={isFirst ? "Empty the first conversation?" : "Delete the conversation?"} onClose={onClose}>
      <p>
        {!isFirst && title !== null && (
          <>
            <bdi>“{title}”</bdi>:{" "}
          </>
        )}
        its messages and their replies are deleted for good. What they cost stays among your transactions.
      </p>
      <ActForm
        act={deleting}
        label={isFirst ? "Empty it" : "Delete"}
        isDangerous
        onDone={done}
        onRefuse={onClose}
        refuse="Keep it"
      >
        {null}
      </ActForm>
    </Dialog>
  );
}
