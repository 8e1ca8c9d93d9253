/** Credits that a user gets with each day, week or month. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { credits, Moment } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { ActForm, SelectField, TextField } from "../../parts/form.tsx";
import { ReasonField } from "../reason_field.tsx";
import { changeUser, reasonIn, type User } from "./user_api.ts";

export function AllowanceCard({ user }: { user: User }) {
  const [open, setOpen] = useState<"" | "set" | "end">("");
  const { allowance } = user;
  return (
    <article>
      <h2>Allowance</h2>
      <p>{allowance === undefined ? "None." : <Terms allowance={allowance} />}</p>
      {open === "" && (
        <div class="buttons">
          <button type="button" class="small secondary" onClick={() => setOpen("set")}>
            {allowance === undefined ? "Set an allowance …" : "Change …"}
          </button>
          {allowance !== undefined && (
            <button type="button" class="small secondary" onClick={() => setOpen("end")}>
              End …
            </button>
          )}
        </div>
      )}
      {open === "set" && <SetForm user={user} onClose={() => setOpen("")} />}
      {open === "end" && <EndForm user={user} onClose={() => setOpen("")} />}
    </article>
  );
}

function Terms({ allowance }: { allowance: Schema<"Allowance"> }) {
  const { credits: amount, per, cap, renews_at } = allowance;
  return (
    <>
      {credits(amount)} each {per}, up to {credits(cap)} in all.
      {renews_at !== null && (
        <>
          {" "}
          Next: <Moment at={renews_at} />.
        </>
      )}
    </>
  );
}

function SetForm({ user, onClose }: { user: User; onClose: () => void }) {
  const setting = useMutation({
    mutationFn: (fields: FormData) => {
      const per = fields.get("per") as Schema<"Allowance">["per"];
      const allowance = { credits: Number(fields.get("credits")), per, cap: Number(fields.get("cap")) };
      return changeUser(user.id, { allowance, ...reasonIn(fields) });
    },
    onSuccess: () => {
      notify("The allowance is set. It begins with the next period.");
      onClose();
    },
  });
  const { allowance } = user;
  return (
    <ActForm act={setting} label="Set" onRefuse={onClose}>
      <div class="fields">
        <TextField
          label="Credits"
          name="credits"
          type="number"
          min={1}
          step={1}
          defaultValue={allowance?.credits}
          required
          autoFocus
        />
        <SelectField label="Each" name="per">
          {(["month", "week", "day"] as const).map((per) => (
            <option key={per} value={per} selected={per === allowance?.per}>
              {per}
            </option>
          ))}
        </SelectField>
        <TextField
          label="Up to"
          name="cap"
          type="number"
          min={1}
          step={1}
          hint="Whoever has this much gets nothing more"
          defaultValue={allowance?.cap}
          required
        />
      </div>
      <ReasonField isRequired />
    </ActForm>
  );
}

function EndForm({ user, onClose }: { user: User; onClose: () => void }) {
  const ending = useMutation({
    mutationFn: (fields: FormData) => changeUser(user.id, { allowance: null, ...reasonIn(fields) }),
    onSuccess: () => {
      notify("The allowance is ended.");
      onClose();
    },
  });
  return (
    <ActForm act={ending} label="End the allowance" onRefuse={onClose} isDangerous>
      <ReasonField isRequired autoFocus />
    </ActForm>
  );
}
