/** The button that signs out, also where the server cannot be told. */

import { useMutation } from "@tanstack/preact-query";
import { notify } from "../parts/announcer.tsx";
import { ProblemNote } from "../parts/problem_note.tsx";
import { leave, signOut } from "./session.ts";

export function SignOutButton({ name }: { name: string | undefined }) {
  const leaving = useMutation({ mutationFn: () => signOut() });
  const leaveAnyway = () => {
    leave();
    notify("This page has forgotten you. Your session in this browser lives on until it ends by itself.");
  };
  return (
    <div class="sign-out">
      <button type="button" class="small secondary" aria-busy={leaving.isPending} onClick={() => leaving.mutate()}>
        {leaving.error === null ? "Sign out" : "Try again"}
        {name !== undefined && leaving.error === null && <bdi> {name}</bdi>}
      </button>
      <ProblemNote error={leaving.error}>
        <p>You are still signed in.</p>
        <button type="button" class="small secondary" onClick={leaveAnyway}>
          Leave anyway
        </button>
      </ProblemNote>
    </div>
  );
}
