/** Makes a code with which a user sets a new password, and shows it once. */

import { useMutation } from "@tanstack/preact-query";
import { BASE } from "../../api/base.ts";
import { answered, api, type Schema } from "../../api/client.ts";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Moment } from "../../parts/moment.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { act } from "../as_staff.ts";
import { isOwn, type User } from "./user_api.ts";

export function ResetCode({ user }: { user: User }) {
  const making = useMutation({
    mutationFn: () =>
      act(() => answered(api.POST("/admin/users/{id}/reset-codes/", { params: { path: { id: user.id } } }))),
  });
  if (isOwn(user.id)) {
    return (
      <p>
        This is your own account. Set a new password <a href="#/account">on its page</a>.
      </p>
    );
  }
  return (
    <>
      <p>
        Make a code, and hand it to {<bdi>{user.username}</bdi>} in person, or by a way on which you know them: the code
        is enough to set the password. It is good for a day and once, and a new code makes older ones worthless.
      </p>
      <ProblemNote error={making.error} />
      <button
        type="button"
        class="small secondary"
        disabled={user.status !== "active"}
        aria-busy={making.isPending}
        onClick={() => making.mutate()}
      >
        Make a code
      </button>
      {user.status !== "active" && <small class="muted"> The account is not active.</small>}
      {making.data !== undefined && (
        <CodeDialog made={making.data} username={user.username} onClose={() => making.reset()} />
      )}
    </>
  );
}

interface CodeDialogProps {
  made: Schema<"MadeResetCode">;
  username: string;
  onClose: () => void;
}

function CodeDialog({ made, username, onClose }: CodeDialogProps) {
  const address = new URL("#/reset", new URL("./", BASE)).href;
  return (
    <Dialog title={`A code for ${username}`} onClose={onClose}>
      <p>This code cannot be seen again after you close this.</p>
      <p class="one-code breaking">
        <code>{made.code}</code> <CopyButton text={made.code} />
      </p>
      <p>
        <bdi>{username}</bdi> sets a new password with it at <span class="breaking">{address}</span>, until{" "}
        <Moment at={made.expires_at} />. Setting it ends all of their sessions.
      </p>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
