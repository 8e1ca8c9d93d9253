/** The snippets of programs for a key that was made earlier. The key itself is kept nowhere, so a placeholder stands for it. */

import { Dialog } from "../../parts/dialog.tsx";
import type { ApiKey } from "./keys_query.ts";
import { SnippetView } from "./snippet_view.tsx";
import { NO_KEY } from "./snippets.ts";

export function KeyProgramsDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  return (
    <Dialog title="Use the key" wide onClose={onClose}>
      <p>
        <strong dir="auto">{apiKey.name}</strong> begins with <code>{apiKey.prefix}</code>. Put the whole key in place
        of <code>{NO_KEY}</code>. If it is lost, end it and make another one.
      </p>
      <SnippetView secret={NO_KEY} models={apiKey.models} />
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
