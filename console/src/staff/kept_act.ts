/**
 * An act that gives credits, kept from before it is sent until its outcome is known. Its ids are made once, so that sending it
 * again, also after a reload, gives nothing twice.
 */

import { type Signal, signal } from "@preact/signals";
import { ApiProblem, SignedOut } from "../api/problem.ts";
import { keepDraft, keptDraft } from "../parts/drafts.ts";
import { onSignedOut } from "../session/session.ts";

export interface KeptAct<T> {
  /** The act whose outcome is not known. `null` also while it is under way. */
  kept: T | null;
  /** Sends `act`, which is kept unless the server says what became of it. */
  send<R>(act: T, call: (act: T) => Promise<R>): Promise<R>;
  forget(): void;
}

/** Several parts of a page may look at one act. */
const acts = new Map<string, Signal<unknown>>();
onSignedOut(() => acts.clear());

export function useKeptAct<T>(name: string): KeptAct<T> {
  const act = acts.get(name) ?? signal(parsed(keptDraft(name)));
  acts.set(name, act);
  const forget = () => {
    keepDraft(name, "");
    act.value = null;
  };
  const send = async <R>(sent: T, call: (act: T) => Promise<R>): Promise<R> => {
    keepDraft(name, JSON.stringify(sent));
    try {
      const done = await call(sent);
      forget();
      return done;
    } catch (error) {
      if (isRefusal(error)) forget();
      else act.value = sent;
      throw error;
    }
  };
  return { kept: act.value as T | null, send, forget };
}

/** Whether nothing was done. Without an answer, and after an error of the server, nobody knows. */
export function isRefusal(error: unknown): boolean {
  return error instanceof SignedOut || (error instanceof ApiProblem && error.status < 500);
}

function parsed(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
