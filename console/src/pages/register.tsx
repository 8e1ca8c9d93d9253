/** Register, with an invitation where one is needed, and sign in. */

import { useMutation, useQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { descriptionQuery } from "../api/description.ts";
import { useDraft } from "../parts/drafts.ts";
import { ActForm, TextField } from "../parts/form.tsx";
import { Page } from "../parts/page.tsx";
import { QueryView } from "../parts/query_view.tsx";
import { Registration } from "./registration.ts";

export function RegisterPage() {
  const description = useQuery(descriptionQuery);
  return (
    <Page title="Register">
      <article class="narrow">
        <QueryView query={description}>
          {({ registration }) =>
            registration === "closed" ? <Closed /> : <RegisterForm isInvitationNeeded={registration === "invitation"} />
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
  return <p>Registration is closed here. Ask the operator for an account.</p>;
}

function accountIn(fields: FormData) {
  const invitation = `${fields.get("invitation")}`.trim();
  return {
    username: `${fields.get("username")}`,
    password: `${fields.get("password")}`,
    ...(invitation === "" ? {} : { invitation }),
  };
}

function RegisterForm({ isInvitationNeeded }: { isInvitationNeeded: boolean }) {
  const [username, setUsername] = useDraft("register username");
  const [registration] = useState(() => new Registration());
  const registering = useMutation({ mutationFn: (fields: FormData) => registration.register(accountIn(fields)) });
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
        hint="At least 8 characters. It cannot be sent to you: there is no e-mail address."
        autoComplete="new-password"
        minLength={8}
        maxLength={1024}
        required
      />
      <TextField
        label={isInvitationNeeded ? "Invitation" : "Invitation, if you have one"}
        name="invitation"
        hint="A code of 20 letters and digits"
        autoComplete="off"
        autoCapitalize="characters"
        spellcheck={false}
        maxLength={100}
        required={isInvitationNeeded}
      />
    </ActForm>
  );
}
