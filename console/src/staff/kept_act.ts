/**
 * An act that gives credits, kept from before it is sent until its outcome is known. Its ids are made once, so that sending it
 * again, also after a reload, gives nothing twice. While it is kept no other one is made in its place.
 */

import { type Signal, signal } from "@preact/signals";
import { ApiProblem, NotSent, outcomeIsUnknown } from "../api/problem.ts";
import { keepDraft, keptDraft } from "../parts/drafts.ts";
import { onSignedOut } from "../session/session.ts";

export interface KeptAct<T> {
  /** The act that is under way, or whose outcome is not known. */
  kept: T | null;
  /** Whether a request is out, of this page or of one that the person has left. */
  isUnderWay: boolean;
  /** Sends `act`, which is kept unless the server says what became of it. */
  send<R>(act: T, call: (act: T) => Promise<R>): Promise<R>;
  forget(): void;
}

interface Kept {
  act: unknown;
  state: "under-way" | "unknown";
}

/** Several parts of a page may look at one act. */
const acts = new Map<string, Signal<Kept | null>>();
onSignedOut(() => acts.clear());

export function useKeptAct<T>(name: string): KeptAct<T> {
  const place = acts.get(name) ?? signal(keptIn(name));
  acts.set(name, place);
  const forget = () => {
    keepDraft(name, "");
    place.value = null;
  };
  const send = async <R>(act: T, call: (act: T) => Promise<R>): Promise<R> => {
    if (place.peek()?.state === "under-way") throw new Error("The request before has no answer yet.");
    keepDraft(name, JSON.stringify(act));
    place.value = { act, state: "under-way" };
    try {
      const done = await call(act);
      forget();
      return done;
    } catch (error) {
      if (isRefusal(error)) forget();
      else place.value = { act, state: "unknown" };
      throw error;
    }
  };
  const { value } = place;
  return { kept: (value?.act ?? null) as T | null, isUnderWay: value?.state === "under-way", send, forget };
}

/** Whether nothing was done: the request was not sent, or the server says so. */
export function isRefusal(error: unknown): boolean {
  return error instanceof NotSent || (error instanceof ApiProblem && !outcomeIsUnknown(error));
}

/** The act that an earlier page of this tab has left: its request is over. */
function keptIn(name: string): Kept | null {
  try {
    const act: unknown = JSON.parse(keptDraft(name));
    return typeof act === "object" && act !== null ? { act, state: "unknown" } : null;
  } catch {
    return null;
  }
}
