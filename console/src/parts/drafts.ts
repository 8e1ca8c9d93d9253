/**
 * Drafts: text that was typed and not sent. A draft survives a reload and the end of a session, in the tab's own store, and goes
 * when the person signs out. Passwords, keys and codes are never kept.
 */

import { useState } from "preact/hooks";
import { scoped } from "../api/base.ts";
import { onSignedOut } from "../session/session.ts";
import { notify } from "./announcer.tsx";
import { tabStore } from "./store.ts";

const PREFIX = scoped("draft ");

/** Whether the person has been told that the store is full or blocked. */
let hasWarned = false;

/** The draft of the place `name`, and a way to change it. An empty one is not kept. */
export function useDraft(name: string): [string, (text: string) => void] {
  const key = PREFIX + name;
  const [draft, setDraft] = useState({ key, text: keptDraft(name) });
  // Another place has a draft of its own.
  const text = draft.key === key ? draft.text : keptDraft(name);
  const change = (text: string) => {
    setDraft({ key, text });
    keepDraft(name, text);
  };
  return [text, change];
}

/** Keeps the draft. If the browser's store is full or blocked, the draft lives as long as the page, and the person is told once. */
export function keepDraft(name: string, text: string): void {
  if (text === "") {
    tabStore.remove(PREFIX + name);
    return;
  }
  if (tabStore.set(PREFIX + name, text) || hasWarned) return;
  hasWarned = true;
  notify("What you type is lost if you reload: the browser has no room to keep it.");
}

/** The draft of the place `name`, or nothing. */
export function keptDraft(name: string): string {
  return tabStore.get(PREFIX + name) ?? "";
}

export function forgetDrafts(): void {
  hasWarned = false;
  tabStore.removeAll(PREFIX);
}

onSignedOut(forgetDrafts);
