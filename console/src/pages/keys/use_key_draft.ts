/** Keeps the form of a key in the tab's store while it is typed, until it is sent or given up. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { keepDraft, keptDraft } from "../../parts/drafts.ts";
import type { ApiKey } from "./keys_query.ts";
import { draftOf, type TypedTerms, termsIn, termsOfDraft } from "./typed_terms.ts";

interface KeyDraft {
  /** The form as it is opened. */
  terms: TypedTerms;
  /** The handler of `input` events, for an element around the form. */
  keep: (event: JSX.TargetedEvent<HTMLElement>) => void;
  forget: () => void;
}

export function useKeyDraft(apiKey: ApiKey | null): KeyDraft {
  const place = apiKey === null ? "new key" : `change of key ${apiKey.id}`;
  const [terms] = useState(() => termsOfDraft(keptDraft(place), termsIn(apiKey)));
  const keep = (event: JSX.TargetedEvent<HTMLElement>) => {
    const form = event.currentTarget.querySelector("form");
    if (form !== null) keepDraft(place, draftOf(new FormData(form)));
  };
  return { terms, keep, forget: () => keepDraft(place, "") };
}
