/** Sign in. */

import { useMutation } from "@tanstack/preact-query";
import { ActForm, TextField } from "../parts/form.tsx";
import { Page } from "../parts/page.tsx";
import { signIn } from "../session/session.ts";

export function SignInPage() {
  const login = useMutation({
    mutationFn: (fields: FormData) => signIn(`${fields.get("username")}`, `${fields.get("password")}`),
  });
  return (
    <Page title="Sign in">
      <article class="narrow">
        <ActForm act={login} label="Sign in">
          <TextField
            label="Username"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            required
            dir="auto"
          />
          <TextField label="Password" name="password" type="password" autoComplete="current-password" required />
        </ActForm>
        <p>
          <a href="#/register">Register</a> · <a href="#/reset">Password forgotten</a>
        </p>
      </article>
    </Page>
  );
}
