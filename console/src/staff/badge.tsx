/** One word about the state of something. The word says it, and the colour helps. */

import type { Schema } from "../api/client.ts";

export type Tone = "good" | "bad" | "warm" | "quiet";

export function Badge({ word, tone }: { word: string; tone: Tone }) {
  return <span class={`badge is-${tone}`}>{word}</span>;
}

const OF_STATUS: Record<Schema<"User">["status"], { word: string; tone: Tone }> = {
  active: { word: "active", tone: "good" },
  inactive: { word: "inactive", tone: "quiet" },
  deleting: { word: "being deleted", tone: "bad" },
};

export function StatusBadge({ status }: { status: Schema<"User">["status"] }) {
  return <Badge {...OF_STATUS[status]} />;
}
