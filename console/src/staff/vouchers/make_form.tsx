/** Makes codes. An answer that does not arrive has taken the codes with it: then the batch is shown, to be ended. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { credits, Moment } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { ActForm, SelectField, TextField } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { asStaff } from "../as_staff.ts";
import { isRefusal } from "../kept_act.ts";
import { termsIn } from "./new_batch.ts";
import { type Batch, endBatch, makeBatch, newestBatch } from "./vouchers_api.ts";

interface Props {
  onMade: (made: Schema<"MadeVouchers">) => void;
  onClose: () => void;
}

/** The batch of a request without an answer, if it was made: one that was not there before. */
class CodesLost extends Error {
  readonly batch: Batch | null;

  constructor(batch: Batch | null) {
    super(
      batch === null
        ? "No answer came, and no codes were made. Try again."
        : "The codes were made, and the answer with them did not arrive. Nobody can see them again.",
    );
    this.batch = batch;
  }
}

async function make(fields: FormData): Promise<Schema<"MadeVouchers">> {
  const before = await asStaff(newestBatch);
  try {
    return await makeBatch(termsIn(fields));
  } catch (error) {
    if (isRefusal(error)) throw error;
    const newest = await asStaff(newestBatch).catch(() => {
      throw new Error(
        "It is not known whether the codes were made. Look at the newest of the list before you try again.",
      );
    });
    throw new CodesLost(newest?.id === before?.id ? null : newest);
  }
}

export function MakeForm({ onMade, onClose }: Props) {
  const [kind, setKind] = useState("credits");
  const making = useMutation({ mutationFn: make });
  const lost = making.error instanceof CodesLost ? making.error.batch : null;
  return (
    <article>
      <h2>Make codes</h2>
      <ActForm act={making} label="Make" onDone={onMade} onRefuse={onClose} disabled={lost !== null}>
        <Terms kind={kind} onKind={setKind} />
      </ActForm>
      {lost !== null && <LostBatch batch={lost} onEnded={() => making.reset()} />}
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
      <TextField
        label="Credits of one use"
        name="amount"
        type="number"
        min={isInvitation ? 0 : 1}
        step={1}
        required
        autoFocus
      />
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

function LostBatch({ batch, onEnded }: { batch: Batch; onEnded: () => void }) {
  const ending = useMutation({
    mutationFn: () => endBatch(batch.id),
    onSuccess: () => {
      notify("The codes that were lost are ended.");
      onEnded();
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
        <button type="button" class="small secondary" onClick={onEnded}>
          It is somebody else's
        </button>
      </div>
    </div>
  );
}
