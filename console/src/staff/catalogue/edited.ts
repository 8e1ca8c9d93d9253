/** The edited text, kept until it is stored or dropped. */

import { useDraft } from "../../parts/drafts.ts";
import type { StoredCatalogue } from "./catalogue_api.ts";

/** The place of the draft. */
const DRAFT = "staff catalogue";

export interface Edited {
  text: string;
  /** The version that the person has seen, which theirs is to replace. */
  seen: number;
}

export function useEdited(stored: StoredCatalogue) {
  const [draft, setDraft] = useDraft(DRAFT);
  const kept = editedIn(draft);
  const unchanged = { text: stored.text ?? "", seen: stored.version };
  // A text that is stored already needs no draft, also where the answer to its replacement was lost.
  const edited = kept === null || kept.text === unchanged.text ? unchanged : kept;
  return {
    edited,
    isChanged: edited !== unchanged,
    isBehind: edited.seen !== stored.version,
    change: (next: Edited) => setDraft(next.text === unchanged.text ? "" : JSON.stringify(next)),
    drop: () => setDraft(""),
  };
}

export function draftOf(edited: Edited): [string, string] {
  return [DRAFT, JSON.stringify(edited)];
}

export function editedIn(draft: string): Edited | null {
  try {
    const { text, seen } = JSON.parse(draft);
    return typeof text === "string" && Number.isSafeInteger(seen) ? { text, seen } : null;
  } catch {
    return null;
  }
}
