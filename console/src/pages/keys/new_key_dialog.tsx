/** Make a key. The key is shown once, in this dialog, and kept nowhere. */

import { useMutation } from "@tanstack/preact-query";
import { useEffect, useRef, useState } from "preact/hooks";
import { answered, api, type Schema } from "../../api/client.ts";
import { outcomeIsUnknown } from "../../api/problem.ts";
import { notify } from "../../parts/announcer.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm, TextField } from "../../parts/form.tsx";
import { withPassword } from "../../session/password_again.ts";
import { DaysField, LimitFields, NameField } from "./key_fields.tsx";
import { newKeyOf } from "./key_terms.ts";
import { keysHaveChanged } from "./keys_query.ts";
import { SnippetView } from "./snippet_view.tsx";
import { useKeyDraft } from "./use_key_draft.ts";

async function makeKey(fields: FormData): Promise<Schema<"MadeApiKey">> {
  const body = newKeyOf(fields);
  return withPassword("password", () => answered(api.POST("/keys/", { body })));
}

/** Makes a key. The dialog may go meanwhile, as by the browser's Back: the key is then in the list, and cannot be shown. */
function useMaking(onMade: (made: Schema<"MadeApiKey">) => void) {
  const isShown = useRef(true);
  useEffect(
    () => () => {
      isShown.current = false;
    },
    [],
  );
  return useMutation({
    mutationFn: makeKey,
    onSuccess: (made) => {
      if (isShown.current) onMade(made);
      else notify(`The key ${made.name} was made, and could not be shown: end it, and make another one.`);
    },
    onSettled: keysHaveChanged,
  });
}

export function NewKeyDialog({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<Schema<"MadeApiKey"> | null>(null);
  const draft = useKeyDraft(null);
  const making = useMaking((made) => {
    draft.forget();
    setMade(made);
  });
  if (made !== null) return <MadeKeyDialog made={made} onClose={onClose} />;
  const giveUp = () => {
    // Only this dialog shows the key, so it waits for the key.
    if (making.isPending) return;
    draft.forget();
    onClose();
  };
  return (
    <Dialog title="Make an API key" onClose={giveUp}>
      <div onInput={draft.keep}>
        <ActForm act={making} label="Make the key" onRefuse={giveUp}>
          <NameField terms={draft.terms} />
          <LimitFields terms={draft.terms} models={[]}>
            <DaysField days={draft.terms.expires_in_days} hint="Empty: when you end it" />
          </LimitFields>
          <TextField
            label="Your password"
            name="password"
            type="password"
            autoComplete="current-password"
            maxLength={1024}
            hint="A stranger at a page that you left open cannot make a key"
            required
          />
        </ActForm>
      </div>
      {making.isPending && <p role="status">The key is being made …</p>}
      {outcomeIsUnknown(making.error) && (
        <p>If the list now shows a key of this name, its secret is lost: end it, and make another one.</p>
      )}
    </Dialog>
  );
}

function MadeKeyDialog({ made, onClose }: { made: Schema<"MadeApiKey">; onClose: () => void }) {
  const [isCopied, setCopied] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const close = () => (isCopied || isAsked ? onClose() : setAsked(true));
  return (
    <Dialog title="Your new API key" wide onClose={close}>
      <p>
        This is the key <strong dir="auto">{made.name}</strong>. <strong>It is shown once:</strong> copy it now, and
        keep it as a password.
      </p>
      <div class="made">
        <code>{made.key}</code>
        <CopyButton text={made.key} label="Copy the key" onCopied={() => setCopied(true)} />
      </div>
      <SnippetView secret={made.key} models={made.models} onCopied={() => setCopied(true)} />
      {isAsked && !isCopied && (
        <p class="problem" role="alert">
          The key was not copied, and it cannot be shown again. Close all the same?
        </p>
      )}
      <div class="buttons">
        <button type="button" class={isAsked && !isCopied ? "danger" : ""} onClick={close}>
          {isAsked && !isCopied ? "Close without the key" : "Done"}
        </button>
      </div>
    </Dialog>
  );
}
