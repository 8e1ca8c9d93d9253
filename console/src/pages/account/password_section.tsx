/** A new password. It ends all other sessions and the access token of this one. */

import { useMutation } from "@tanstack/preact-query";
import { answered, api } from "../../api/client.ts";
import { queryClient } from "../../api/queries.ts";
import { notify } from "../../parts/announcer.tsx";
import { ActForm, TextField } from "../../parts/form.tsx";
import { withPassword } from "../../session/password_again.ts";
import { renewToken } from "../../session/session.ts";
import { sessionsQuery } from "./sessions_section.tsx";

async function changePassword(fields: FormData): Promise<void> {
  const body = { current_password: `${fields.get("current_password")}`, new_password: `${fields.get("new_password")}` };
  await withPassword("current_password", () => answered(api.POST("/password/", { body })));
  // The password is set also if this fails: the next request then renews the token.
  await renewToken().catch(() => {});
  await queryClient.invalidateQueries({ queryKey: sessionsQuery.queryKey });
}

export function PasswordSection({ username }: { username: string }) {
  const changing = useMutation({
    mutationFn: changePassword,
    onSuccess: () => notify("Your password is changed. All other sessions have ended."),
  });
  return (
    <section>
      <h2>Password</h2>
      <article class="narrow">
        <ActForm act={changing} label="Change the password" onDone={(_, form) => form.reset()}>
          {/* A password manager reads the username of the password from this field. */}
          <input type="text" name="username" value={username} autoComplete="username" hidden readOnly />
          <TextField
            label="Current password"
            name="current_password"
            type="password"
            autoComplete="current-password"
            maxLength={1024}
            required
          />
          <TextField
            label="New password"
            name="new_password"
            type="password"
            autoComplete="new-password"
            hint="At least 8 characters. All other sessions end; API keys go on."
            minLength={8}
            maxLength={1024}
            required
          />
        </ActForm>
      </article>
    </section>
  );
}
