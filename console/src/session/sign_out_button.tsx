/** The way out. */

import { useMutation } from "@tanstack/preact-query";
import { ProblemNote } from "../parts/problem_note.tsx";
import { signOut } from "./session.ts";

export function SignOutButton({ name }: { name: string | undefined }) {
  const leaving = useMutation({ mutationFn: () => signOut() });
  return (
    <div class="sign-out">
      <button type="button" class="small secondary" aria-busy={leaving.isPending} onClick={() => leaving.mutate()}>
        Sign out{name !== undefined && <bdi> {name}</bdi>}
      </button>
      <ProblemNote error={leaving.error} />
    </div>
  );
}
