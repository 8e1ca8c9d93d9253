/** End a key, for good. */

import { useMutation } from "@tanstack/preact-query";
import { answered, api } from "../../api/client.ts";
import { isProblem } from "../../api/problem.ts";
import { notify } from "../../parts/announcer.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm } from "../../parts/form.tsx";
import { type ApiKey, keysHaveChanged } from "./keys_query.ts";

async function endKey({ id }: ApiKey): Promise<void> {
  try {
    await answered(api.DELETE("/keys/{id}/", { params: { path: { id } } }));
  } catch (error) {
    // Another tab has ended it, or the answer of an earlier try was lost.
    if (!isProblem(error, "not_found")) throw error;
  }
}

export function EndKeyDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const ending = useMutation({
    mutationFn: (_: FormData) => endKey(apiKey),
    onSuccess: () => notify("The key has ended."),
    onSettled: keysHaveChanged,
  });
  return (
    <Dialog title="End the key?" onClose={onClose}>
      <p>
        Programs with <strong dir="auto">{apiKey.name}</strong> (<code>{apiKey.prefix}…</code>) are turned away from
        their next request on. An ended key does not come back.
      </p>
      <ActForm act={ending} label="End the key" isDangerous onDone={onClose} onRefuse={onClose}>
        {null}
      </ActForm>
    </Dialog>
  );
}
