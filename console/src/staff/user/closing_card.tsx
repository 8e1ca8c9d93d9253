/** Deactivates a user, lets them in again, or deletes all of them. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { notify } from "../../parts/announcer.tsx";
import { keepDraft } from "../../parts/drafts.ts";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { dropping, KeptFields } from "../kept_fields.tsx";
import { NamedDialog } from "../named_dialog.tsx";
import { ReasonField } from "../reason_field.tsx";
import { deleteUser } from "./deletion.ts";
import { changeUser, isOwn, reasonIn, type User } from "./user_api.ts";

type Opened = "" | "deactivate" | "activate" | "delete";

export function ClosingCard({ user }: { user: User }) {
  const [opened, setOpened] = useState<Opened>("");
  const draft = `staff closing ${user.id}`;
  const close = dropping(draft, () => setOpened(""));
  return (
    <article class="is-dangerous">
      <h2>Close the account</h2>
      <p>
        A deactivated account cannot be used until somebody activates it. A deleted one is gone, with its balance,
        messages, sessions and API keys.
      </p>
      <div class="buttons">
        {user.status === "inactive" && (
          <button type="button" class="small secondary" onClick={() => setOpened("activate")}>
            Activate …
          </button>
        )}
        {user.status === "active" && (
          <button type="button" class="small danger" onClick={() => setOpened("deactivate")}>
            Deactivate …
          </button>
        )}
        {!isOwn(user.id) && (
          <button type="button" class="small danger" onClick={() => setOpened("delete")}>
            {user.status === "deleting" ? "Go on with the deletion …" : "Delete …"}
          </button>
        )}
      </div>
      {isOwn(user.id) && (
        <p class="muted">
          You delete your own account <a href="#/account">on its page</a>, with your password.
        </p>
      )}
      {opened === "activate" && <Activation user={user} draft={draft} onClose={close} />}
      {opened === "deactivate" && <Deactivation user={user} draft={draft} onClose={close} />}
      {opened === "delete" && <Deletion user={user} draft={draft} onClose={close} />}
    </article>
  );
}

interface Props {
  user: User;
  /** The place of the reason that is typed. */
  draft: string;
  onClose: () => void;
}

function Activation({ user, draft, onClose }: Props) {
  const activating = useMutation({
    mutationFn: (fields: FormData) => changeUser(user.id, { status: "active", ...reasonIn(fields) }),
    onSuccess: () => {
      notify(`${user.username} can sign in again.`);
      onClose();
    },
  });
  return (
    <ConfirmDialog title={`Activate ${user.username}?`} act={activating} label="Activate" onClose={onClose}>
      <p>The account can be signed in to again. API keys that the deactivation ended stay ended.</p>
      <KeptFields name={draft}>
        <ReasonField autoFocus />
      </KeptFields>
    </ConfirmDialog>
  );
}

function Deactivation({ user, draft, onClose }: Props) {
  const deactivating = useMutation({
    mutationFn: (fields: FormData) => changeUser(user.id, { status: "inactive", ...reasonIn(fields) }),
    onSuccess: () => {
      notify(`${user.username} is deactivated.`);
      onClose();
    },
  });
  return (
    <NamedDialog
      title={`Deactivate ${user.username}?`}
      name={user.username}
      act={deactivating}
      label="Deactivate"
      onClose={onClose}
    >
      <p>All sessions and API keys end at once, and for good. The balance stays.</p>
      {isOwn(user.id) && <p class="problem">This is your own account: you are signed out, and cannot undo it.</p>}
      <KeptFields name={draft}>
        <ReasonField />
      </KeptFields>
    </NamedDialog>
  );
}

function Deletion({ user, draft, onClose }: Props) {
  const [, go] = useLocation();
  const deleting = useMutation({
    mutationFn: (fields: FormData) => deleteUser(user.id, `${fields.get("reason")}`.trim()),
    onSuccess: () => {
      notify(`${user.username} is deleted.`);
      keepDraft(draft, "");
    },
  });
  return (
    <NamedDialog
      title={`Delete ${user.username}?`}
      name={user.username}
      act={deleting}
      label="Delete for good"
      onDone={() => go("/staff/users", { replace: true })}
      onClose={onClose}
    >
      <p>Balance, messages, sessions and API keys go with the account, for good. Nobody can bring them back.</p>
      <KeptFields name={draft}>
        <ReasonField isRequired />
      </KeptFields>
    </NamedDialog>
  );
}
