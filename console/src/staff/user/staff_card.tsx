/** Makes a user staff, or an account like all others. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { notify } from "../../parts/announcer.tsx";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { dropping, KeptFields } from "../kept_fields.tsx";
import { ReasonField } from "../reason_field.tsx";
import { changeUser, isOwn, reasonIn, type User } from "./user_api.ts";

export function StaffCard({ user }: { user: User }) {
  const [isOpen, setOpen] = useState(false);
  const draft = `staff staff ${user.id}`;
  const close = dropping(draft, () => setOpen(false));
  const changing = useMutation({
    mutationFn: (fields: FormData) => changeUser(user.id, { staff: !user.staff, ...reasonIn(fields) }),
    onSuccess: ({ staff }) => {
      notify(staff ? `${user.username} is staff.` : `${user.username} is no longer staff.`);
      close();
    },
  });
  const title = user.staff ? `Make ${user.username} no longer staff?` : `Make ${user.username} staff?`;
  return (
    <article>
      <h2>Staff</h2>
      <p>
        {user.staff
          ? "This account sees all users and their credits, and changes them."
          : "This account sees nobody else's."}
      </p>
      <button type="button" class="small secondary" disabled={user.status !== "active"} onClick={() => setOpen(true)}>
        {user.staff ? "Make it no longer staff …" : "Make it staff …"}
      </button>
      {isOpen && (
        <ConfirmDialog
          title={title}
          act={changing}
          label={user.staff ? "No longer staff" : "Make staff"}
          onClose={close}
        >
          <p>{wordsFor(user)}</p>
          <KeptFields name={draft}>
            <ReasonField autoFocus />
          </KeptFields>
        </ConfirmDialog>
      )}
    </article>
  );
}

function wordsFor(user: User): string {
  if (!user.staff)
    return "Staff give credits, read all accounts, and make and unmake other staff. It takes effect at once.";
  if (isOwn(user.id))
    return "This is your own account: you leave these pages at once, and another superuser has to let you in again.";
  return "It takes effect at once. What this person did stays, and the history has it.";
}
