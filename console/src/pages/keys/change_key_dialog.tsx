/** Change a key's name and limits. The password is asked for only if the change widens the key, which the API decides. */

import { useMutation } from "@tanstack/preact-query";
import { useRef, useState } from "preact/hooks";
import { answered, api } from "../../api/client.ts";
import { errorsOf } from "../../api/problem.ts";
import { notify } from "../../parts/announcer.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm, SelectField, TextField } from "../../parts/form.tsx";
import { Moment } from "../../parts/moment.tsx";
import { withPassword } from "../../session/password_again.ts";
import { DaysField, LimitFields, NameField } from "./key_fields.tsx";
import { changesOf } from "./key_terms.ts";
import { type ApiKey, keysHaveChanged } from "./keys_query.ts";
import type { TypedTerms } from "./typed_terms.ts";
import { useKeyDraft } from "./use_key_draft.ts";

/** Sends the changes, if there are any. Returns whether there were. */
async function changeKey(key: ApiKey, fields: FormData): Promise<boolean> {
  const body = changesOf(key, fields);
  if (body === null) return false;
  const path = { id: key.id };
  await withPassword("password", () => answered(api.PATCH("/keys/{id}/", { params: { path }, body })));
  return true;
}

export function ChangeKeyDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  // The form is about the key as it was when the dialog was opened, also if the list is read again meanwhile.
  const [key] = useState(apiKey);
  const draft = useKeyDraft(key);
  const changing = useMutation({
    mutationFn: (fields: FormData) => changeKey(key, fields),
    onSuccess: (isChanged) => {
      draft.forget();
      notify(isChanged ? "The key is changed." : "Nothing was changed.");
    },
    onSettled: keysHaveChanged,
  });
  const asksForPassword = useRef(false);
  if (errorsOf(changing.error, "password").length > 0) asksForPassword.current = true;
  const giveUp = () => {
    draft.forget();
    onClose();
  };
  return (
    <Dialog title="Change the key" onClose={giveUp}>
      <div onInput={draft.keep}>
        <ActForm act={changing} label="Save" onDone={onClose} onRefuse={giveUp}>
          <NameField terms={draft.terms} />
          <LimitFields terms={draft.terms} models={key.models ?? []}>
            <EndFields at={key.expires_at} terms={draft.terms} />
          </LimitFields>
          {asksForPassword.current && (
            <TextField
              label="Your password"
              name="password"
              type="password"
              autoComplete="current-password"
              maxLength={1024}
              hint="This change gives the key more than it has"
              required
            />
          )}
        </ActForm>
      </div>
    </Dialog>
  );
}

function EndFields({ at, terms }: { at: string | null; terms: TypedTerms }) {
  const [end, setEnd] = useState(terms.end);
  const now = at === null ? "The key has no date of end" : <Moment at={at} />;
  return (
    <>
      <SelectField
        label="End"
        name="end"
        value={end}
        hint={now}
        onChange={(event) => setEnd(event.currentTarget.value)}
      >
        <option value="keep">as it is</option>
        {at !== null && <option value="never">when you end it</option>}
        <option value="days">in some days</option>
      </SelectField>
      {end === "days" && <DaysField days={terms.expires_in_days} hint="From now on" isRequired />}
    </>
  );
}
