/** The words for the state of a bulk grant, and for what became of its rows. */

import { Badge, type Tone } from "../badge.tsx";
import type { Job } from "./jobs_api.ts";

const STATES: Record<string, Tone> = { running: "warm", done: "good", stopped: "bad" };

export function JobStateBadge({ state }: { state: Job["state"] }) {
  return <Badge word={state} tone={STATES[state] ?? "quiet"} />;
}

interface OutcomeWords {
  words: string;
  tone: Tone;
}

const OUTCOMES: Record<string, OutcomeWords> = {
  waiting: { words: "waiting", tone: "warm" },
  granted: { words: "granted", tone: "good" },
  repeated: { words: "granted before", tone: "quiet" },
  mismatch: { words: "id was used for another grant", tone: "bad" },
  no_user: { words: "no such user", tone: "bad" },
  deletion_in_progress: { words: "account is being deleted", tone: "bad" },
  balance_too_low: { words: "has less than is taken back", tone: "bad" },
  too_many_credits: { words: "would have too many credits", tone: "bad" },
};

/** The words for an outcome. A later release may have outcomes that this page does not know. */
export function wordsOfOutcome(outcome: string): OutcomeWords {
  return OUTCOMES[outcome] ?? { words: outcome.replaceAll("_", " "), tone: "quiet" };
}

export function OutcomeBadge({ outcome }: { outcome: string }) {
  const { words, tone } = wordsOfOutcome(outcome);
  return <Badge word={words} tone={tone} />;
}

/** Which rows are shown: all, or those of one kind. */
export type RowFilter = "" | "refused" | "waiting" | "granted" | "repeated";

export function isShown(outcome: string, filter: RowFilter): boolean {
  if (filter === "") return true;
  return filter === "refused" ? wordsOfOutcome(outcome).tone === "bad" : outcome === filter;
}
