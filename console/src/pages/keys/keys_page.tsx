/** The API keys of the person: their limits, their spending, and their use by programs. */

import { useQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { Page } from "../../parts/page.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { ChangeKeyDialog } from "./change_key_dialog.tsx";
import { EndKeyDialog } from "./end_key_dialog.tsx";
import { KeyProgramsDialog } from "./key_programs_dialog.tsx";
import { KeyTable } from "./key_table.tsx";
import { type ApiKey, keysQuery } from "./keys_query.ts";
import { NewKeyDialog } from "./new_key_dialog.tsx";
import "../../style/keys.css";

/** The act on a key, each with a dialog of its own. */
export type KeyAct = "use" | "change" | "end";

type Open = { act: "make" } | { act: KeyAct; key: ApiKey } | null;

export function KeysPage() {
  const keys = useQuery(keysQuery);
  const [open, setOpen] = useState<Open>(null);
  const make = (
    <button type="button" onClick={() => setOpen({ act: "make" })}>
      Make an API key
    </button>
  );
  return (
    <Page title="API keys" actions={make}>
      <p>
        A key is for programs: it talks to models and sees your balance, and does nothing else. What it spends comes
        from your balance.
      </p>
      <QueryView query={keys}>
        {(keys) =>
          keys.length === 0 ? (
            <p class="empty">
              There is no key yet. Make one for each program or person, so that each can be ended alone.
            </p>
          ) : (
            <KeyTable keys={keys} onAct={(act, key) => setOpen({ act, key })} />
          )
        }
      </QueryView>
      <OpenDialog open={open} onClose={() => setOpen(null)} />
    </Page>
  );
}

function OpenDialog({ open, onClose }: { open: Open; onClose: () => void }) {
  switch (open?.act) {
    case undefined:
      return null;
    case "make":
      return <NewKeyDialog onClose={onClose} />;
    case "use":
      return <KeyProgramsDialog apiKey={open.key} onClose={onClose} />;
    case "change":
      return <ChangeKeyDialog apiKey={open.key} onClose={onClose} />;
    case "end":
      return <EndKeyDialog apiKey={open.key} onClose={onClose} />;
  }
}
