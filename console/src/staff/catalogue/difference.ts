/** The lines in which two texts differ. */

export interface Line {
  kind: "same" | "removed" | "added";
  text: string;
  /** Its number in the text that has it, from 1 on. */
  number: number;
}

/** Most cells of the table of a comparison. Beyond it the middle of the texts is shown as replaced as a whole. */
const MOST_CELLS = 4_000_000;

/** All lines of both texts, in order: those of `before` that are gone, then those of `after` that are new. */
export function differenceOf(before: string, after: string): Line[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const head = commonLength(old, now);
  const tail = commonLength(old.slice(head).reverse(), now.slice(head).reverse());
  const [oldEnd, nowEnd] = [old.length - tail, now.length - tail];
  const middle = compared(old.slice(head, oldEnd), now.slice(head, nowEnd));
  let [oldNumber, nowNumber] = [0, 0];
  const line = (kind: Line["kind"], text: string): Line => {
    if (kind !== "added") oldNumber += 1;
    if (kind !== "removed") nowNumber += 1;
    return { kind, text, number: kind === "removed" ? oldNumber : nowNumber };
  };
  return [
    ...old.slice(0, head).map((text) => line("same", text)),
    ...middle.map(([kind, text]) => line(kind, text)),
    ...old.slice(oldEnd).map((text) => line("same", text)),
  ];
}

function commonLength(a: string[], b: string[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length += 1;
  return length;
}

type Kept = [Line["kind"], string];

/** The longest common subsequence, by the table that every textbook has. */
function compared(old: string[], now: string[]): Kept[] {
  const removed = (text: string): Kept => ["removed", text];
  const added = (text: string): Kept => ["added", text];
  if ((old.length + 1) * (now.length + 1) > MOST_CELLS) return [...old.map(removed), ...now.map(added)];
  const width = now.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  const length = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        old[i] === now[j] ? length(i + 1, j + 1) + 1 : Math.max(length(i + 1, j), length(i, j + 1));
    }
  }
  const lines: Kept[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const [was, is] = [old[i] ?? "", now[j] ?? ""];
    if (i < old.length && j < now.length && was === is) {
      lines.push(["same", was]);
      i += 1;
      j += 1;
    } else if (i < old.length && (j === now.length || length(i + 1, j) >= length(i, j + 1))) {
      lines.push(removed(was));
      i += 1;
    } else {
      lines.push(added(is));
      j += 1;
    }
  }
  return lines;
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
