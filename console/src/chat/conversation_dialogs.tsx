/** Another title for a conversation, and its end. */

import { useMutation } from "@tanstack/preact-query";
import { useLocation } from "wouter-preact";
import { notify } from "../parts/announcer.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { keepDraft } from "../parts/drafts.ts";
import { ActForm, TextField } from "../parts/form.tsx";
import { deleteConversation, FIRST, MOST_OF_ANY_TITLE, renameConversation } from "./conversations.ts";
import { dismiss } from "./replies.ts";

export function RenameDialog({ id, title, onClose }: { id: string; title: string; onClose: () => void }) {
  const renaming = useMutation({ mutationFn: (fields: FormData) => renameConversation(id, `${fields.get("title")}`) });
  const done = () => {
    notify("Renamed.");
    onClose();
  };
  return (
    <Dialog title="Rename the conversation" onClose={onClose}>
      <ActForm act={renaming} label="Rename" onDone={done} onRefuse={onClose}>
        <TextField
          label="Title"
          name="title"
          dir="auto"
          defaultValue={title}
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
  const deleting = useMutation({ mutationFn: (_: FormData) => deleteConversation(id) });
  const done = () => {
    keepDraft(`chat ${id}`, "");
    dismiss(id);
    notify(isFirst ? "It is empty." : "Deleted.");
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
