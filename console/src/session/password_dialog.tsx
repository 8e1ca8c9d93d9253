/** The question for the password over a page: the session has ended, or an act wants a login of the last minutes. */

import { useMutation } from "@tanstack/preact-query";
import { Dialog } from "../parts/dialog.tsx";
import { ActForm, TextField } from "../parts/form.tsx";
import { type PasswordReason, passwordWanted, settlePassword } from "./password_request.ts";
import { endHere, leave, signIn, username } from "./session.ts";

interface Question {
  title: string;
  text: string;
  refuse: string;
  onRefuse: () => void;
  onClose: () => void;
}

const cancel = () => settlePassword(false, "recent");

const QUESTIONS: Record<PasswordReason, Question> = {
  expired: {
    title: "Your session has ended",
    text: "Give your password to go on where you were. What you typed is kept, unless you sign out.",
    refuse: "Sign out",
    onRefuse: leave,
    // Drafts are deleted by the button alone, whose word says so: Escape is pressed too easily.
    onClose: endHere,
  },
  recent: {
    title: "Is it you?",
    text: "This act gives access or credits, so it wants a login of the last 15 minutes.",
    refuse: "Cancel",
    onRefuse: cancel,
    onClose: cancel,
  },
};

export function PasswordDialog() {
  const login = useMutation({
    mutationFn: (fields: FormData) => signIn(`${fields.get("username")}`, `${fields.get("password")}`),
  });
  const wanted = passwordWanted.value;
  if (wanted === null) return null;
  const question = QUESTIONS[wanted];
  return (
    <Dialog title={question.title} onClose={question.onClose}>
      <p>{question.text}</p>
      <ActForm act={login} label="Sign in" refuse={question.refuse} onRefuse={question.onRefuse}>
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
