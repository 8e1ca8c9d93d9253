/** The form for codes that are to be made. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { keepDraft } from "../../parts/drafts.ts";
import { ActForm, SelectField, TextField } from "../../parts/form.tsx";
import { Moment } from "../../parts/moment.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { keepFocus, useOpened } from "../focus.ts";
import { dropping, KeptFields } from "../kept_fields.tsx";
import { CodesLost, makeCodes } from "./make_codes.ts";
import { termsIn } from "./new_batch.ts";
import { type Batch, endBatch } from "./vouchers_api.ts";

/** The place of the terms that are typed. */
const DRAFT = "staff codes";

export function MakeForm({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState("credits");
  const opened = useOpened<HTMLElement>();
  const making = useMutation({
    mutationFn: (fields: FormData) => makeCodes(termsIn(fields)),
    // The mutation's own callbacks run also after the person has left the page.
    onSuccess: () => keepDraft(DRAFT, ""),
    onError: (error) => {
      if (error instanceof CodesLost) notify(error.message);
    },
  });
  const lost = making.error instanceof CodesLost ? making.error.batch : null;
  const settled = () => {
    making.reset();
    keepFocus(() => opened.current?.querySelector("button"));
  };
  return (
    <article ref={opened}>
      <h2>Make codes</h2>
      <ActForm act={making} label="Make" onDone={onClose} onRefuse={dropping(DRAFT, onClose)} disabled={lost !== null}>
        <KeptFields name={DRAFT}>
          <Terms kind={kind} onKind={setKind} />
        </KeptFields>
      </ActForm>
      {lost !== null && <LostBatch batch={lost} onSettled={settled} />}
    </article>
  );
}

function Terms({ kind, onKind }: { kind: string; onKind: (kind: string) => void }) {
  const isInvitation = kind === "invitation";
  return (
    <div class="fields">
      <SelectField
        label="Kind"
        name="kind"
        value={kind}
        onChange={(event) => onKind(event.currentTarget.value)}
        hint={isInvitation ? "Registers an account" : "Gives credits to an account"}
      >
        <option value="credits">voucher</option>
        <option value="invitation">invitation</option>
      </SelectField>
      <TextField label="Credits of one use" name="amount" type="number" min={isInvitation ? 0 : 1} step={1} required />
      <TextField label="Codes" name="count" type="number" min={1} max={90} step={1} defaultValue={1} required />
      <TextField
        label="Uses of each"
        name="uses"
        type="number"
        min={1}
        max={100_000}
        step={1}
        defaultValue={1}
        hint="Each by another user"
        required
      />
      <TextField label="Good until, if it ends" name="expires_at" type="date" hint="The end of this day in UTC" />
      <TextField label="Note, if you like" name="note" maxLength={200} dir="auto" hint="For staff and the history" />
    </div>
  );
}

function LostBatch({ batch, onSettled }: { batch: Batch; onSettled: () => void }) {
  const ending = useMutation({
    mutationFn: () => endBatch(batch.id),
    onSuccess: () => {
      notify("The codes that were lost are ended.");
      onSettled();
    },
  });
  return (
    <div class="problem" role="alert">
      <p>
        {batch.count} {batch.count === 1 ? "code" : "codes"} of {credits(batch.amount)}, made at{" "}
        <Moment at={batch.created_at} />
        {batch.note !== null && (
          <>
            {" "}
            (<bdi>{batch.note}</bdi>)
          </>
        )}
        : if that is yours, end it and make others.
      </p>
      <ProblemNote error={ending.error} />
      <div class="buttons">
        <button type="button" class="small danger" aria-busy={ending.isPending} onClick={() => ending.mutate()}>
          End these codes
        </button>
        <button type="button" class="small secondary" onClick={onSettled}>
          It is somebody else's
        </button>
      </div>
    </div>
  );
}
