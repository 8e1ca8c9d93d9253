/** Whether messages and registrations are accepted, and the switch. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { notify } from "../../parts/announcer.tsx";
import { Badge } from "../badge.tsx";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { dropping, KeptFields } from "../kept_fields.tsx";
import { ReasonField } from "../reason_field.tsx";
import { setAccepting } from "./accepting.ts";

/** The place of the reason that is typed. */
const DRAFT = "staff accepting";

export function StopCard({ health }: { health: Schema<"Health"> }) {
  const [isOpen, setOpen] = useState(false);
  const { accepting, reason } = health;
  return (
    <article class={accepting ? "" : "is-dangerous"}>
      <h2>Messages and registrations</h2>
      <p>
        {accepting ? <Badge word="accepted" tone="good" /> : <Badge word="stopped" tone="bad" />}
        {reason !== null && (
          <>
            {" "}
            <q dir="auto">{reason}</q>
          </>
        )}
      </p>
      <p class="muted">
        While they are stopped people sign in, read, and end their keys, and nobody is charged. It takes up to a minute
        in functions that run.
      </p>
      <button type="button" class={accepting ? "danger" : ""} onClick={() => setOpen(true)}>
        {accepting ? "Stop …" : "Resume …"}
      </button>
      {isOpen && <SwitchDialog accepting={accepting} onClose={dropping(DRAFT, () => setOpen(false))} />}
    </article>
  );
}

function SwitchDialog({ accepting, onClose }: { accepting: boolean; onClose: () => void }) {
  const switching = useMutation({
    mutationFn: (fields: FormData) => setAccepting({ accepting: !accepting, reason: `${fields.get("reason")}`.trim() }),
    onSuccess: (now) => {
      notify(now.accepting ? "Messages and registrations are accepted." : "Messages and registrations are stopped.");
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={accepting ? "Stop messages and registrations?" : "Resume messages and registrations?"}
      act={switching}
      label={accepting ? "Stop" : "Resume"}
      onClose={onClose}
    >
      <p>
        {accepting
          ? "Everybody is refused from now on. Messages that have begun are answered and charged."
          : "Everybody can ask and register again, within a minute."}
      </p>
      <KeptFields name={DRAFT}>
        <ReasonField isRequired autoFocus hint="For other staff and the history. Users are not told." />
      </KeptFields>
    </ConfirmDialog>
  );
}
