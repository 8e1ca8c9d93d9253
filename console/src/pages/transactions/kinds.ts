/** The kinds of transactions, in words. */

import type { Schema } from "../../api/client.ts";

export type Kind = Schema<"TransactionEntry">["kind"];

/** `label` is the word for many, and `one` the word for one. */
export const KINDS: ReadonlyArray<{ value: Kind; label: string; one: string }> = [
  { value: "chat", label: "Messages", one: "Message" },
  { value: "grant", label: "Credits given", one: "Credits given" },
  { value: "adjustment", label: "Credits taken back", one: "Credits taken back" },
];

/** The word for one transaction. A later release may have kinds that this page does not know. */
export function kindWord(kind: string): string {
  return KINDS.find(({ value }) => value === kind)?.one ?? kind;
}
