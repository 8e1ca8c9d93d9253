/** Deactivates a user, lets them in again, or deletes all of them. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { notify } from "../../parts/announcer.tsx";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { NamedDialog } from "../named_dialog.tsx";
import { ReasonField } from "../reason_field.tsx";
import { deleteUser } from "./deletion.ts";
import { changeUser, isOwn, reasonIn, type User } from "./user_api.ts";

type Opened = "" | "deactivate" | "activate" | "delete";

export function ClosingCard({ user }: { user: User }) {
  const [opened, setOpened] = useState<Opened>("");
  const close = () => setOpened("");
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
      {opened === "activate" && <Activation user={user} onClose={close} />}
      {opened === "deactivate" && <Deactivation user={user} onClose={close} />}
      {opened === "delete" && <Deletion user={user} onClose={close} />}
    </article>
  );
}

interface Props {
  user: User;
  onClose: () => void;
}

function Activation({ user, onClose }: Props) {
  const activating = useMutation({
    mutationFn: (fields: FormData) => changeUser(user.id, { status: "active", ...reasonIn(fields) }),
    onSuccess: () => {
      notify(`${user.username} can sign in again.`);
      onClose();
    },
  });
  return (
    <ConfirmDialog title={`Activate ${user.username}?`} act={activating} label="Activate" onClose={onClose}>
      <p>The account can be signed in to again. Its API keys of before stay ended.</p>
      <ReasonField autoFocus />
    </ConfirmDialog>
  );
}

function Deactivation({ user, onClose }: Props) {
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
      <ReasonField />
    </NamedDialog>
  );
}

function Deletion({ user, onClose }: Props) {
  const [, go] = useLocation();
  const deleting = useMutation({
    mutationFn: (fields: FormData) => deleteUser(user.id, `${fields.get("reason")}`.trim()),
    onSuccess: () => {
      notify(`${user.username} is deleted.`);
      go("/staff/users", { replace: true });
    },
  });
  return (
    <NamedDialog
      title={`Delete ${user.username}?`}
      name={user.username}
      act={deleting}
      label="Delete for good"
      onClose={onClose}
    >
      <p>Balance, messages, sessions and API keys go with the account, for good. Nobody can bring them back.</p>
      <ReasonField isRequired />
    </NamedDialog>
  );
}
