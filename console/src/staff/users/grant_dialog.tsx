/** Gives credits to the users who are selected, or takes them back: a bulk grant. */

import { useLocation } from "wouter-preact";
import type { Schema } from "../../api/client.ts";
import { newKey } from "../../api/new_key.ts";
import { credits } from "../../parts/amounts.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm } from "../../parts/form.tsx";
import { act } from "../as_staff.ts";
import { GrantFields } from "../grant_fields.tsx";
import { type BulkGrant, bulkGrant, MOST_ROWS } from "../jobs/grant_file.ts";
import { beginJob, type Job, notifyBegun, UNSENT_GRANT } from "../jobs/jobs_api.ts";
import { useGrantForm } from "../use_grant_form.ts";

interface Props {
  users: Array<Schema<"User">>;
  onClose: () => void;
}

export function GrantDialog({ users, onClose }: Props) {
  const [, go] = useLocation();
  const { granting, kept, fields, isBusyElsewhere, isUnknown } = useGrantForm<BulkGrant, Job>({
    name: UNSENT_GRANT,
    withIds: ({ amount, reason }) => {
      const names = users.map((user) => user.username);
      return bulkGrant(names, amount, reason, newKey());
    },
    call: ({ csv }) => act(() => beginJob(csv)),
    onMade: notifyBegun,
  });
  // Not once the dialog is closed.
  const show = (job: Job) => {
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
      {isUnknown && kept !== null && (
        <p role="status">
          It is not known whether this grant has begun. Sent again, it gives nobody the {credits(kept.amount)} twice.
        </p>
      )}
      {tooMany && <p class="problem">A bulk grant has at most {MOST_ROWS} users. Select fewer.</p>}
      <ActForm
        act={granting}
        label={isUnknown ? "Send it again" : "Grant"}
        onDone={show}
        onRefuse={onClose}
        disabled={tooMany || isBusyElsewhere}
      >
        <GrantFields {...fields} autoFocus />
      </ActForm>
    </Dialog>
  );
}
