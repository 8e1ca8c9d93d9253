/** The lines in which two texts differ. */

import { diffArrays } from "diff";

export interface Line {
  kind: "same" | "removed" | "added";
  text: string;
  /** Its number in the text that has it, from 1 on. */
  number: number;
}

/** Most lines that are removed or added. Beyond it the texts are shown as replaced as a whole: the search takes the square of it. */
const MOST_CHANGES = 1000;

/** All lines of both texts, in order: those of `before` that are gone, then those of `after` that are new. */
export function differenceOf(before: string, after: string): Line[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const replaced = [
    { removed: true, added: false, value: old },
    { removed: false, added: true, value: now },
  ];
  const changes = diffArrays(old, now, { maxEditLength: MOST_CHANGES }) ?? replaced;
  let [oldNumber, nowNumber] = [0, 0];
  const line = (kind: Line["kind"], text: string): Line => {
    if (kind !== "added") oldNumber += 1;
    if (kind !== "removed") nowNumber += 1;
    return { kind, text, number: kind === "removed" ? oldNumber : nowNumber };
  };
  return changes.flatMap(({ removed, added, value }) => {
    const kind = removed ? "removed" : added ? "added" : "same";
    return value.map((text) => line(kind, text));
  });
}

/** A run of lines: around changes all are shown, and far from them only how many there are. */
export type Run = { kind: "lines"; lines: Line[] } | { kind: "gap"; count: number; from: number };

/** Lines that stay the same around a change, to see where it is. */
const AROUND = 3;

export function runsOf(lines: Line[]): Run[] {
  const near = new Set<number>();
  lines.forEach(({ kind }, place) => {
    if (kind === "same") return;
    for (let each = place - AROUND; each <= place + AROUND; each += 1) near.add(each);
  });
  const runs: Run[] = [];
  lines.forEach((line, place) => {
    const last = runs.at(-1);
    if (near.has(place)) {
      if (last?.kind === "lines") last.lines.push(line);
      else runs.push({ kind: "lines", lines: [line] });
    } else if (last?.kind === "gap") last.count += 1;
    else runs.push({ kind: "gap", count: 1, from: line.number });
  });
  return runs;
}
