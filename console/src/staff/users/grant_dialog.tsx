/** Gives credits to the users who are selected, or takes them back: a bulk grant. */

import { useMutation } from "@tanstack/preact-query";
import { useLocation } from "wouter-preact";
import type { Schema } from "../../api/client.ts";
import { credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm } from "../../parts/form.tsx";
import { act } from "../as_staff.ts";
import { amountIn, GrantFields } from "../grant_fields.tsx";
import { bulkGrant, MOST_ROWS } from "../jobs/grant_file.ts";
import { beginJob, useUnsentGrant } from "../jobs/jobs_api.ts";

interface Props {
  users: Array<Schema<"User">>;
  onClose: () => void;
}

export function GrantDialog({ users, onClose }: Props) {
  const [, go] = useLocation();
  const { kept, send } = useUnsentGrant();
  const granting = useMutation({
    mutationFn: (fields: FormData) => {
      const names = users.map((user) => user.username);
      const grant = kept ?? bulkGrant(names, amountIn(fields), `${fields.get("reason")}`.trim(), crypto.randomUUID());
      return send(grant, ({ csv }) => act(() => beginJob(csv)));
    },
  });
  const done = (job: Schema<"Job">) => {
    notify(job.state === "done" ? "The credits are given." : "The bulk grant has begun.");
    onClose();
    go(`/staff/jobs/${job.id}`);
  };
  const tooMany = users.length > MOST_ROWS;
  return (
    <Dialog title={`Credits for ${users.length} ${users.length === 1 ? "user" : "users"}`} onClose={onClose}>
      <p class="names breaking">
        {users.slice(0, 20).map((user, place) => (
          <>
            {place > 0 && ", "}
            <bdi>{user.username}</bdi>
          </>
        ))}
        {users.length > 20 && ` and ${users.length - 20} more`}
      </p>
      {kept !== null && (
        <p role="status">
          It is not known whether this grant has begun. Sent again, it gives nobody the {credits(kept.amount)} twice.
        </p>
      )}
      {tooMany && <p class="problem">A bulk grant has at most {MOST_ROWS} users. Select fewer.</p>}
      <ActForm
        act={granting}
        label={kept === null ? "Grant" : "Send it again"}
        onDone={done}
        onRefuse={onClose}
        disabled={tooMany}
      >
        <GrantFields kept={kept} autoFocus />
      </ActForm>
    </Dialog>
  );
}
