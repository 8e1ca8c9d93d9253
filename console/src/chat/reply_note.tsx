/** The note in place of a reply that is not there, with buttons for the acts that are left. */

import { useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.tsx";
import { askAgain, dismiss } from "./replies.ts";
import { isOpen, type Reply } from "./reply_state.ts";
import { type ReplyAct, wordsOf } from "./reply_words.ts";

interface Props {
  reply: Reply;
  model: string | null;
  onEdit: (message: string) => void;
  onActed: () => void;
}

export function ReplyNote({ reply, model, onEdit, onActed }: Props) {
  const [isLeaving, setLeaving] = useState(false);
  const words = wordsOf(reply);
  if (words === null) return null;
  const { conversation, message } = reply.sent;
  const acts: Record<Exclude<ReplyAct, "voucher" | "new-conversation">, { label: string; act: () => void }> = {
    get: { label: "Get the reply", act: () => askAgain(reply, model) },
    retry: { label: "Try again", act: () => askAgain(reply, model) },
    "ask-anew": { label: "Ask again, and pay again", act: () => askAgain(reply, model) },
    edit: {
      label: "Edit",
      act: () => {
        dismiss(conversation);
        onEdit(message);
      },
    },
    dismiss: { label: "Dismiss", act: () => dismiss(conversation) },
  };
  const doAct = (name: keyof typeof acts) => {
    if (name === "dismiss" && isOpen(reply)) {
      setLeaving(true);
      return;
    }
    acts[name].act();
    onActed();
  };
  return (
    <div class={words.isProblem ? "problem" : "reply-note"}>
      <div role={words.isProblem ? "alert" : "status"}>
        {words.sentences.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
      </div>
      <div class="buttons">
        {words.acts.map((name, place) => {
          if (name === "voucher") return <NoteLink key={name} path="/vouchers" label="Redeem a voucher" />;
          if (name === "new-conversation") return <NoteLink key={name} path="/chat" label="New conversation" />;
          const { label } = acts[name];
          return (
            <button
              key={name}
              type="button"
              class={place === 0 ? "small" : "small secondary"}
              onClick={() => doAct(name)}
            >
              {label}
            </button>
          );
        })}
      </div>
      {isLeaving && (
        <LeavingDialog
          onLeave={() => {
            dismiss(conversation);
            // A field behind the dialog takes the focus only when the dialog is gone.
            requestAnimationFrame(onActed);
          }}
          onStay={() => setLeaving(false)}
        />
      )}
    </div>
  );
}

function NoteLink({ path, label }: { path: string; label: string }) {
  return <a href={`#${path}`}>{label}</a>;
}

function LeavingDialog({ onLeave, onStay }: { onLeave: () => void; onStay: () => void }) {
  return (
    <Dialog title="Dismiss this message?" onClose={onStay}>
      <p>
        If it was charged, its reply will be in this conversation. This page forgets that it was sent: to send the same
        words again is then a new message, and costs again.
      </p>
      <div class="buttons">
        <button type="button" class="danger" onClick={onLeave}>
          Dismiss
        </button>
        <button type="button" class="secondary" onClick={onStay}>
          Keep
        </button>
      </div>
    </Dialog>
  );
}
