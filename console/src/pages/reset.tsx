/** Set a new password with a code of the operator's people. */

import { useMutation } from "@tanstack/preact-query";
import { anonymous, answered } from "../api/client.ts";
import { notify } from "../parts/announcer.tsx";
import { ActForm, TextField } from "../parts/form.tsx";
import { Page } from "../parts/page.tsx";

export function ResetPage() {
  const resetting = useMutation({
    mutationFn: (fields: FormData) => {
      const body = { code: `${fields.get("code")}`, new_password: `${fields.get("new_password")}` };
      return answered(anonymous.POST("/password/reset/", { body }));
    },
  });
  const done = () => {
    notify("The password is set. Sign in with it.");
    location.hash = "#/sign-in";
  };
  return (
    <Page title="Set a new password">
      <article class="narrow">
        <p>Ask the people who run this service for a code. It works once, within a day.</p>
        <ActForm act={resetting} label="Set the password" onDone={done}>
          <TextField
            label="Code"
            name="code"
            autoComplete="one-time-code"
            spellcheck={false}
            maxLength={100}
            required
          />
          <TextField
            label="New password"
            name="new_password"
            type="password"
            hint="At least 8 characters"
            autoComplete="new-password"
            minLength={8}
            maxLength={1024}
            required
          />
        </ActForm>
        <p>
          <a href="#/sign-in">Back</a>
        </p>
      </article>
    </Page>
  );
}
