/** The end of the account, confirmed by its name and its password. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { notify } from "../../parts/announcer.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm, TextField } from "../../parts/form.tsx";
import { isTypedName, TypedNameField } from "../../parts/typed_name.tsx";
import { withPassword } from "../../session/password_again.ts";
import { leave } from "../../session/session.ts";
import { deleteAccount } from "./deletion.ts";

export function DeletionSection({ username }: { username: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <section>
      <h2>Delete the account</h2>
      <p>Balance, messages, sessions and API keys go with it, for good. Save your data before.</p>
      <div class="buttons">
        <button type="button" class="danger" onClick={() => setOpen(true)}>
          Delete the account …
        </button>
      </div>
      {isOpen && <DeletionDialog username={username} onClose={() => setOpen(false)} />}
    </section>
  );
}

function DeletionDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const deleting = useMutation({
    mutationFn: (fields: FormData) => withPassword("password", () => deleteAccount(`${fields.get("password")}`)),
    // Also where the page was left meanwhile: the session has ended with the account.
    onSuccess: () => {
      leave();
      notify("Your account is deleted.");
    },
  });
  // While the account is being deleted there is no way back.
  const close = () => !deleting.isPending && onClose();
  return (
    <Dialog title="Delete the account?" onClose={close}>
      <p>
        Nothing of <strong dir="auto">{username}</strong> is left afterwards, and the operator cannot bring it back: no
        credits, no messages, no keys. Programs with its keys are turned away.
      </p>
      <ActForm
        act={deleting}
        label="Delete everything"
        isDangerous
        disabled={!isTypedName(typed, username)}
        onRefuse={close}
      >
        <TypedNameField name={username} typed={typed} onType={setTyped} />
        <TextField
          label="Your password"
          name="password"
          type="password"
          autoComplete="current-password"
          maxLength={1024}
          required
        />
      </ActForm>
      {deleting.isPending && <p role="status">Everything is being deleted. This may take a minute …</p>}
    </Dialog>
  );
}
