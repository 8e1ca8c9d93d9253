/** Acts of the history, in words that a person says. */

import { credits } from "../../parts/amounts.tsx";

/** Each goes on with what it was done to: "ended all sessions of" Ada. */
const WORDS: Record<string, string> = {
  grant: "gave or took back credits of",
  change: "changed the account of",
  make_reset_code: "made a code for a new password of",
  end_sessions: "ended all sessions of",
  end_keys: "ended all API keys of",
  begin_deletion: "began to delete",
  end_deletion: "deleted",
  make_vouchers: "made",
  end_vouchers: "ended",
  begin_bulk_grant: "began",
  resume_bulk_grant: "went on with",
  end_bulk_grant: "finished",
  replace_catalogue: "replaced",
  stop: "stopped",
  resume: "resumed",
  create_superuser: "created the superuser",
};

/** The words for `act`. A later release may have acts that this page does not know. */
export function wordsOf(act: string, after: Record<string, unknown>): string {
  if (act === "grant" && typeof after.amount === "number") {
    return after.amount < 0 ? `took back ${credits(-after.amount)} from` : `gave ${credits(after.amount)} to`;
  }
  return WORDS[act] ?? `${act.replaceAll("_", " ")}:`;
}

/** One thing that an act changed. `null`: there was no such thing. */
export interface Change {
  name: string;
  before: string | null;
  after: string | null;
}

/** The changes of an act, member by member. Members of an object in it are members too, as in `allowance.cap`. */
export function changesOf(before: Record<string, unknown>, after: Record<string, unknown>): Change[] {
  const [was, is] = [flat(before), flat(after)];
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names.map((name) => ({
    name: name.replaceAll("_", " "),
    before: was.get(name) ?? null,
    after: is.get(name) ?? null,
  }));
}

function flat(members: Record<string, unknown>, prefix = ""): Map<string, string> {
  const all = new Map<string, string>();
  for (const [name, value] of Object.entries(members)) {
    if (isObject(value)) for (const [inner, text] of flat(value, `${prefix}${name}.`)) all.set(inner, text);
    else all.set(prefix + name, textOf(value));
  }
  return all;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  if (value === null) return "none";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "number") return number(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function number(value: number): string {
  return new Intl.NumberFormat().format(value);
}

export type SubjectKind = "user" | "vouchers" | "job" | "catalogue" | "deployment";

/** The kind of an act's subject. The act says it, since all ids look alike. */
export function subjectKindOf(act: string, subject: string): SubjectKind {
  if (subject === "catalogue" || subject === "deployment") return subject;
  if (act.endsWith("_vouchers")) return "vouchers";
  return act.endsWith("_bulk_grant") ? "job" : "user";
}
