/** Save all data of the account as one file. */

import { useEffect, useRef, useState } from "preact/hooks";
import { announce, notify } from "../../parts/announcer.tsx";
import { save } from "../../parts/download.ts";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { Export, type Progress } from "./export.ts";

type State =
  | { kind: "ready" }
  | { kind: "reading"; progress: Progress }
  | { kind: "stopped"; progress: Progress; error: Error | null };

const SIZE = new Intl.NumberFormat(undefined, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });

function useExport(fileName: string) {
  const [state, setState] = useState<State>({ kind: "ready" });
  const begun = useRef<{ data: Export; stop: AbortController } | null>(null);
  // A page that was left, also by a sign-out, reads no further and saves nothing.
  useEffect(() => () => begun.current?.stop.abort(), []);
  const read = async () => {
    const { data } = begun.current ?? { data: new Export() };
    const stop = new AbortController();
    begun.current = { data, stop };
    setState({ kind: "reading", progress: data.progress });
    try {
      const pages = await data.read(stop.signal, (progress) => setState({ kind: "reading", progress }));
      stop.signal.throwIfAborted();
      save(pages, "application/x-ndjson", fileName);
      begun.current = null;
      setState({ kind: "ready" });
      notify("The export is saved.");
    } catch (error) {
      setState({ kind: "stopped", progress: data.progress, error: stop.signal.aborted ? null : (error as Error) });
      announce("The export has stopped.");
    }
  };
  return { state, read: () => void read(), stop: () => begun.current?.stop.abort() };
}

export function ExportSection({ username }: { username: string }) {
  const { state, read, stop } = useExport(`chat-api-${username}.jsonl`);
  return (
    <section>
      <h2>Your data</h2>
      <p>
        All data of your account, as one file: account, sessions, keys without their secrets, conversations,
        transactions and messages. Each line is an object of JSON.
      </p>
      {state.kind !== "ready" && <ProgressOf {...state.progress} isReading={state.kind === "reading"} />}
      <ProblemNote error={state.kind === "stopped" ? state.error : null} />
      <div class="buttons">
        {state.kind === "reading" ? (
          <button type="button" class="secondary" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="button" class="secondary" onClick={read}>
            {state.kind === "stopped" ? "Go on" : "Save everything"}
          </button>
        )}
      </div>
    </section>
  );
}

function ProgressOf({ pages, bytes, isReading }: Progress & { isReading: boolean }) {
  return (
    <div class="export">
      {isReading && <progress aria-label="The export is being read" />}
      <p>
        {pages} {pages === 1 ? "page" : "pages"}, {SIZE.format(bytes / 1_000_000)}
        {!isReading && ". Nothing is lost: it goes on from here, as long as this page is open."}
      </p>
    </div>
  );
}
