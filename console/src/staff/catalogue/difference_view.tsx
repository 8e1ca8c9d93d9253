/** Two texts, as the lines in which they differ. */

import { useMemo, useState } from "preact/hooks";
import { differenceOf, type Line, runsOf } from "./difference.ts";

interface Props {
  /** The two versions in words: "From version 3 to yours". */
  label: string;
  before: string;
  after: string;
}

const SIGNS = { same: " ", removed: "−", added: "+" };
const WORDS = { same: "", removed: "removed: ", added: "added: " };

export function DifferenceView({ label, before, after }: Props) {
  const [isWhole, setWhole] = useState(false);
  const lines = useMemo(() => differenceOf(before, after), [before, after]);
  const count = (kind: Line["kind"]) => lines.filter((line) => line.kind === kind).length;
  if (before === after) return <p class="muted">{label}: they are the same.</p>;
  const runs = isWhole ? [{ kind: "lines" as const, lines }] : runsOf(lines);
  return (
    <figure class="difference">
      <figcaption>
        {label}: {count("removed")} {count("removed") === 1 ? "line" : "lines"} removed, {count("added")} added{" "}
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Only what differs" : "All lines"}
        </button>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard. */}
      <section class="lines" tabIndex={0} aria-label={label}>
        {runs.map((run) =>
          run.kind === "gap" ? (
            <p key={`gap ${run.from}`} class="gap">
              {run.count} {run.count === 1 ? "line stays" : "lines stay"}
            </p>
          ) : (
            run.lines.map((line) => <DifferentLine key={`${line.kind} ${line.number}`} line={line} />)
          ),
        )}
      </section>
    </figure>
  );
}

function DifferentLine({ line: { kind, number, text } }: { line: Line }) {
  return (
    <div class={`line is-${kind}`}>
      <span class="line-number" aria-hidden="true">
        {number} {SIGNS[kind]}
      </span>
      <code>
        {kind !== "same" && <span class="sr-only">{WORDS[kind]}</span>}
        {text === "" ? " " : text}
      </code>
    </div>
  );
}
