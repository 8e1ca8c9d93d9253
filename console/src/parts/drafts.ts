/**
 * What was typed and not sent. It survives a reload and the end of a session, in the tab's own store, and goes when the
 * person signs out. Passwords, keys and codes are never kept.
 */

import { useState } from "preact/hooks";
import { named } from "../api/base.ts";
import { onSignedOut } from "../session/session.ts";

const PREFIX = named("draft ");

/** The draft of the place `name`, and a way to change it. An empty one is not kept. */
export function useDraft(name: string): [string, (text: string) => void] {
  const key = PREFIX + name;
  const [draft, setDraft] = useState({ key, text: keptDraft(name) });
  // Another place has a draft of its own.
  const text = draft.key === key ? draft.text : keptDraft(name);
  const change = (text: string) => {
    keepDraft(name, text);
    setDraft({ key, text });
  };
  return [text, change];
}

export function keepDraft(name: string, text: string): void {
  if (text === "") sessionStorage.removeItem(PREFIX + name);
  else sessionStorage.setItem(PREFIX + name, text);
}

/** The draft of the place `name`, or nothing. */
export function keptDraft(name: string): string {
  return sessionStorage.getItem(PREFIX + name) ?? "";
}

export function forgetDrafts(): void {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  }
}

onSignedOut(forgetDrafts);
