/** Credits that a user gets with each day, week or month. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { ActForm, SelectField, TextField } from "../../parts/form.tsx";
import { Moment } from "../../parts/moment.tsx";
import { useOpened } from "../focus.ts";
import { dropping, KeptFields } from "../kept_fields.tsx";
import { ReasonField } from "../reason_field.tsx";
import { changeUser, reasonIn, type User } from "./user_api.ts";

export function AllowanceCard({ user }: { user: User }) {
  const [open, setOpen] = useState<"" | "set" | "end">("");
  const { allowance } = user;
  const draft = `staff allowance ${user.id} ${open}`;
  const close = dropping(draft, () => setOpen(""));
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
      {open === "set" && <SetForm user={user} draft={draft} onClose={close} />}
      {open === "end" && <EndForm user={user} draft={draft} onClose={close} />}
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

interface FormProps {
  user: User;
  /** The place of what is typed. */
  draft: string;
  onClose: () => void;
}

function SetForm({ user, draft, onClose }: FormProps) {
  const opened = useOpened<HTMLDivElement>();
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
    <div ref={opened}>
      <ActForm act={setting} label="Set" onRefuse={onClose}>
        <KeptFields name={draft}>
          <div class="fields">
            <TextField
              label="Credits"
              name="credits"
              type="number"
              min={1}
              step={1}
              defaultValue={allowance?.credits}
              required
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
              hint="With this much, nothing more is given"
              defaultValue={allowance?.cap}
              required
            />
          </div>
          <ReasonField isRequired />
        </KeptFields>
      </ActForm>
    </div>
  );
}

function EndForm({ user, draft, onClose }: FormProps) {
  const opened = useOpened<HTMLDivElement>();
  const ending = useMutation({
    mutationFn: (fields: FormData) => changeUser(user.id, { allowance: null, ...reasonIn(fields) }),
    onSuccess: () => {
      notify("The allowance is ended.");
      onClose();
    },
  });
  return (
    <div ref={opened}>
      <ActForm act={ending} label="End the allowance" onRefuse={onClose} isDangerous>
        <KeptFields name={draft}>
          <ReasonField isRequired />
        </KeptFields>
      </ActForm>
    </div>
  );
}
