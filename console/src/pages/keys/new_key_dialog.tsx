/** Make a key. It is shown once, and kept nowhere: it is in this dialog until the dialog is closed. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { answered, api, type Schema } from "../../api/client.ts";
import { ApiProblem, Unreachable } from "../../api/problem.ts";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm, TextField } from "../../parts/form.tsx";
import { withPassword } from "../../session/password_again.ts";
import { DaysField, LimitFields, NameField } from "./key_fields.tsx";
import { newKeyOf } from "./key_terms.ts";
import { keysHaveChanged } from "./keys_query.ts";
import { SnippetView } from "./snippet_view.tsx";

async function makeKey(fields: FormData): Promise<Schema<"MadeApiKey">> {
  const body = newKeyOf(fields);
  return withPassword("password", () => answered(api.POST("/keys/", { body })));
}

export function NewKeyDialog({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<Schema<"MadeApiKey"> | null>(null);
  const making = useMutation({ mutationFn: makeKey, onSettled: keysHaveChanged });
  if (made !== null) return <MadeKeyDialog made={made} onClose={onClose} />;
  return (
    <Dialog title="Make an API key" onClose={onClose}>
      <ActForm act={making} label="Make the key" onDone={setMade} onRefuse={onClose}>
        <NameField />
        <LimitFields>
          <DaysField hint="Empty: when you end it" />
        </LimitFields>
        <TextField
          label="Your password"
          name="password"
          type="password"
          autoComplete="current-password"
          maxLength={1024}
          hint="So that nobody makes a key at a page that you left open"
          required
        />
      </ActForm>
      {isUnknown(making.error) && (
        <p>If the list now shows a key of this name, nobody has it: end it, and make another one.</p>
      )}
    </Dialog>
  );
}

/** Whether a key may have been made all the same. */
function isUnknown(error: Error | null): boolean {
  return error instanceof Unreachable || (error instanceof ApiProblem && error.status >= 500);
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
          The key was not copied, and nobody can show it again. Close all the same?
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
