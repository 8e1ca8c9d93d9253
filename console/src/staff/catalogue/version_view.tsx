/** One version of the catalogue, beside the one in force, and the way to restore it. */

import { useMutation, useQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { notify } from "../../parts/announcer.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { keepDraft, keptDraft } from "../../parts/drafts.ts";
import { Moment } from "../../parts/moment.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { ActorLink } from "../actor_link.tsx";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { FoundView } from "../found_view.tsx";
import { catalogueQuery, type StoredCatalogue, versionQuery } from "./catalogue_api.ts";
import { DifferenceView } from "./difference_view.tsx";
import { draftOf } from "./edited.ts";

export function VersionView({ version }: { version: number }) {
  const shown = useQuery(versionQuery(version));
  const stored = useQuery(catalogueQuery);
  return (
    <FoundView
      query={shown}
      missing="There is no such version of the catalogue. Versions of earlier releases are not kept."
    >
      {(old) => (
        <>
          <h2>Version {version}</h2>
          <p>
            {old.changedAt !== null && <Moment at={old.changedAt} />} by{" "}
            {old.actor === null ? "nobody known" : <ActorLink actor={old.actor} />}
          </p>
          <QueryView query={stored}>{(now) => <Compared old={old} now={now} />}</QueryView>
          <Document text={old.text} />
        </>
      )}
    </FoundView>
  );
}

function Compared({ old, now }: { old: StoredCatalogue; now: StoredCatalogue }) {
  const [, go] = useLocation();
  const [isAsking, setAsking] = useState(false);
  if (old.version === now.version) return <p>This version is in force.</p>;
  const [name, draft] = draftOf({ text: old.text ?? "", seen: now.version });
  const restore = () => {
    keepDraft(name, draft);
    notify("The editor has it. Check it, and store it.");
    go("/staff/catalogue");
  };
  return (
    <>
      <DifferenceView
        label={`From version ${old.version} to version ${now.version}, which is in force`}
        before={old.text ?? ""}
        after={now.text ?? ""}
      />
      {old.text !== null && old.text !== now.text && (
        <div class="buttons">
          <button type="button" onClick={() => (keptDraft(name) === "" ? restore() : setAsking(true))}>
            Restore it in the editor …
          </button>
        </div>
      )}
      {isAsking && <DropDialog onDrop={restore} onClose={() => setAsking(false)} />}
    </>
  );
}

/** Asks before the text of the editor is lost. */
function DropDialog({ onDrop, onClose }: { onDrop: () => void; onClose: () => void }) {
  const dropping = useMutation({ mutationFn: async (_: FormData) => onDrop() });
  return (
    <ConfirmDialog title="Drop what you have written?" act={dropping} label="Drop it" onClose={onClose}>
      <p>The editor has changes that are not stored. This version takes their place.</p>
    </ConfirmDialog>
  );
}

function Document({ text }: { text: string | null }) {
  if (text === null) return <p>It had no document: the settings named the one model.</p>;
  return (
    <details>
      <summary>The whole document</summary>
      <CopyButton text={text} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard. */}
      <pre class="document" tabIndex={0}>
        <code>{text}</code>
      </pre>
    </details>
  );
}
