/** The faults of a catalogue, each with a way to its line. */

import type { Fault } from "./document.ts";
import { FAULTS_ID } from "./text_editor.tsx";

export function FaultsList({ faults, onJump }: { faults: Fault[]; onJump: (fault: Fault) => void }) {
  return (
    <section class="problem" aria-label="Mistakes" id={FAULTS_ID}>
      <p>
        <strong>{faults.length === 1 ? "One mistake" : `${faults.length} mistakes`}</strong>
      </p>
      <ul>
        {faults.map((fault) => (
          <li key={`${fault.path} ${fault.offset} ${fault.problem}`}>
            <button type="button" class="link" onClick={() => onJump(fault)}>
              Line {fault.line}
            </button>{" "}
            {fault.path !== "" && <code>{fault.path}</code>} {fault.problem}
          </li>
        ))}
      </ul>
    </section>
  );
}
