/** Register, with an invitation where one is needed, and sign in. */

import { useMutation, useQuery } from "@tanstack/preact-query";
import { anonymous, answered } from "../api/client.ts";
import { type Description, descriptionQuery } from "../api/description.ts";
import { useDraft } from "../parts/drafts.ts";
import { ActForm, TextField } from "../parts/form.tsx";
import { Page } from "../parts/page.tsx";
import { QueryView } from "../parts/query_view.tsx";
import { signIn } from "../session/session.ts";

export function RegisterPage() {
  const description = useQuery(descriptionQuery);
  return (
    <Page title="Register">
      <article class="narrow">
        <QueryView query={description}>
          {({ registration }) =>
            registration === "closed" ? <Closed /> : <RegisterForm registration={registration} />
          }
        </QueryView>
        <p>
          <a href="#/sign-in">Sign in</a> if you have an account.
        </p>
      </article>
    </Page>
  );
}

function Closed() {
  return <p>Nobody can register here by themselves. Ask the operator for an account.</p>;
}

async function register(fields: FormData): Promise<void> {
  const [username, password] = [`${fields.get("username")}`, `${fields.get("password")}`];
  const invitation = `${fields.get("invitation")}`.trim();
  const body = { username, password, ...(invitation === "" ? {} : { invitation }) };
  await answered(anonymous.POST("/register/", { body }));
  await signIn(username, password);
}

function RegisterForm({ registration }: Pick<Description, "registration">) {
  const [username, setUsername] = useDraft("register username");
  const registering = useMutation({ mutationFn: register });
  const isNeeded = registration === "invitation";
  return (
    <ActForm act={registering} label="Register" onDone={() => setUsername("")}>
      <TextField
        label="Username"
        name="username"
        value={username}
        onInput={(event) => setUsername(event.currentTarget.value)}
        hint="Up to 150 letters, digits and @ . + - _"
        autoComplete="username"
        autoCapitalize="none"
        maxLength={150}
        required
      />
      <TextField
        label="Password"
        name="password"
        type="password"
        hint="At least 8 characters. Nobody can send it to you: there is no e-mail address."
        autoComplete="new-password"
        minLength={8}
        maxLength={1024}
        required
      />
      <TextField
        label={isNeeded ? "Invitation" : "Invitation, if you have one"}
        name="invitation"
        hint="A code of 20 letters and digits"
        autoComplete="off"
        autoCapitalize="characters"
        spellcheck={false}
        maxLength={100}
        required={isNeeded}
      />
    </ActForm>
  );
}
