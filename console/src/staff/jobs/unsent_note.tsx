/** Says that a bulk grant was sent and no answer came, and sends it again. */

import { useMutation } from "@tanstack/preact-query";
import { useLocation } from "wouter-preact";
import { credits } from "../../parts/amounts.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { act } from "../as_staff.ts";
import { keepFocus } from "../focus.ts";
import type { BulkGrant } from "./grant_file.ts";
import { beginJob, notifyBegun, useUnsentGrant } from "./jobs_api.ts";

export function UnsentNote() {
  const [, go] = useLocation();
  const { kept, isUnderWay, send, forget } = useUnsentGrant();
  const sending = useMutation({
    mutationFn: (grant: BulkGrant) => send(grant, ({ csv }) => act(() => beginJob(csv))),
    onSuccess: notifyBegun,
  });
  // A callback of `mutate` does not run once this page is gone, so it only navigates.
  const again = (grant: BulkGrant) => sending.mutate(grant, { onSuccess: (job) => go(`/staff/jobs/${job.id}`) });
  const drop = () => {
    forget();
    sending.reset();
    keepFocus();
  };
  if (kept === null) return <ProblemNote error={sending.error} />;
  if (isUnderWay && !sending.isPending) return <p role="status">A bulk grant is under way.</p>;
  return (
    <section class="problem" aria-label="A bulk grant without an answer">
      <p>
        A grant of {credits(kept.amount)} to {kept.rows} {kept.rows === 1 ? "user" : "users"} ({kept.reason}) was sent,
        and no answer came. Send it again: nobody gets the credits twice.
      </p>
      <ProblemNote error={sending.error} />
      <div class="buttons">
        <button type="button" class="small" aria-busy={sending.isPending} onClick={() => again(kept)}>
          Send it again
        </button>
        <button type="button" class="small secondary" onClick={drop}>
          Forget it
        </button>
      </div>
    </section>
  );
}
