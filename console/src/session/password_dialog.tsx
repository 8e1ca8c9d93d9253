/** The question for the password over a page: the session has ended, or an act wants a login of the last minutes. */

import { useMutation } from "@tanstack/preact-query";
import { Dialog } from "../parts/dialog.tsx";
import { ActForm, TextField } from "../parts/form.tsx";
import { passwordWanted, signIn, username } from "./session.ts";

const WORDS = {
  expired: {
    title: "Your session has ended",
    text: "Give your password to go on where you were. Nothing that you typed is lost.",
    refuse: "Sign out",
  },
  recent: {
    title: "Is it you?",
    text: "This act gives access or credits, so it wants a login of the last 15 minutes.",
    refuse: "Cancel",
  },
};

export function PasswordDialog() {
  const login = useMutation({
    mutationFn: (fields: FormData) => signIn(`${fields.get("username")}`, `${fields.get("password")}`),
  });
  const wanted = passwordWanted.value;
  if (wanted === null) return null;
  const words = WORDS[wanted.reason];
  return (
    <Dialog title={words.title} onClose={() => wanted.settle(false)}>
      <p>{words.text}</p>
      <ActForm act={login} label="Sign in" refuse={words.refuse} onRefuse={() => wanted.settle(false)}>
        <TextField
          label="Username"
          name="username"
          value={username.value ?? ""}
          readOnly={username.value !== null}
          autoComplete="username"
          required
        />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          autoFocus
        />
      </ActForm>
    </Dialog>
  );
}
