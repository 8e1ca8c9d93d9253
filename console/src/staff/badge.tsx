/** One word about the state of something. The word says it, and the colour helps. */

export type Tone = "good" | "bad" | "warm" | "quiet";

export function Badge({ word, tone }: { word: string; tone: Tone }) {
  return <span class={`badge is-${tone}`}>{word}</span>;
}

const OF_STATUS: Record<string, { word: string; tone: Tone }> = {
  active: { word: "active", tone: "good" },
  inactive: { word: "inactive", tone: "quiet" },
  deleting: { word: "being deleted", tone: "bad" },
};

/** A later release may have a status that this page does not know. */
export function StatusBadge({ status }: { status: string }) {
  return <Badge {...(OF_STATUS[status] ?? { word: status, tone: "quiet" })} />;
}
