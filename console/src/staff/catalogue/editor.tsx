/** Writes a catalogue: check it, see what changes, store it. */

import { useMutation } from "@tanstack/preact-query";
import { useRef, useState } from "preact/hooks";
import { Moment } from "../../parts/amounts.tsx";
import { announce, notify } from "../../parts/announcer.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { BehindNote } from "./behind_note.tsx";
import { judge, type StoredCatalogue } from "./catalogue_api.ts";
import { type Fault, faultsOf, laidOut, placed } from "./document.ts";
import { useEdited } from "./edited.ts";
import { EXAMPLE } from "./example.ts";
import { FaultsList } from "./faults_list.tsx";
import { PricesTable } from "./prices_table.tsx";
import { SettingsDialog } from "./settings_dialog.tsx";
import { StoreDialog } from "./store_dialog.tsx";
import { type TextEditor, TextEditorArea } from "./text_editor.tsx";

/** What is known of a text: its mistakes, or that it has none. */
interface Judged {
  text: string;
  faults: Fault[];
}

async function check(text: string): Promise<Judged> {
  const own = faultsOf(text);
  if (own.length > 0) return { text, faults: own };
  const { errors } = await judge(text);
  return { text, faults: errors.map(({ path, problem }) => placed(text, path, problem)) };
}

export function Editor({ stored }: { stored: StoredCatalogue }) {
  const { edited, isChanged, isBehind, change, drop } = useEdited(stored);
  const [refused, setRefused] = useState<Judged | null>(null);
  const [opened, setOpened] = useState<"" | "store" | "settings">("");
  const editor = useRef<TextEditor>(null);
  const checking = useMutation({ mutationFn: check, onSuccess: (judged) => tell(judged) });
  const { text } = edited;
  const judged = [checking.data, refused].find((known) => known?.text === text) ?? null;
  const write = (written: string) => change({ ...edited, text: written });
  const lay = () => write(laidOut(text));
  const isWritten = text.trim() !== "";

  return (
    <>
      <StoredNote stored={stored} isChanged={isChanged} />
      {isBehind && <BehindNote stored={stored} edited={edited} onTakeTheirs={drop} onGoOn={change} />}
      <TextEditorArea ref={editor} text={text} faults={judged?.faults ?? []} onChange={write} />
      <div class="buttons">
        <button
          type="button"
          aria-busy={checking.isPending}
          disabled={!isWritten}
          onClick={() => checking.mutate(text)}
        >
          Check
        </button>
        <button type="button" disabled={!isChanged || !isWritten || isBehind} onClick={() => setOpened("store")}>
          Store …
        </button>
        <button type="button" class="secondary" disabled={!isWritten} onClick={lay}>
          Lay out
        </button>
        {!isWritten && (
          <button type="button" class="secondary" onClick={() => write(EXAMPLE)}>
            Begin with an example
          </button>
        )}
        {isChanged && (
          <button type="button" class="secondary" onClick={drop}>
            Drop my changes
          </button>
        )}
        {stored.text !== null && (
          <button type="button" class="secondary" onClick={() => setOpened("settings")}>
            Back to the settings …
          </button>
        )}
      </div>
      <ProblemNote error={checking.error} />
      {judged !== null && <Judgement judged={judged} onJump={(fault) => editor.current?.jumpTo(fault)} />}
      {opened === "store" && (
        <StoreDialog
          stored={stored}
          edited={edited}
          onStored={() => {
            drop();
            setOpened("");
          }}
          onRefused={(faults) => {
            setRefused({ text, faults });
            setOpened("");
          }}
          onClose={() => setOpened("")}
        />
      )}
      {opened === "settings" && <SettingsDialog stored={stored} onClose={() => setOpened("")} />}
    </>
  );
}

function tell({ faults }: Judged): void {
  if (faults.length === 0) notify("This is a catalogue. Nothing is stored yet.");
  else announce(faults.length === 1 ? "One mistake." : `${faults.length} mistakes.`);
}

function Judgement({ judged, onJump }: { judged: Judged; onJump: (fault: Fault) => void }) {
  if (judged.faults.length > 0) return <FaultsList faults={judged.faults} onJump={onJump} />;
  return <PricesTable text={judged.text} />;
}

function StoredNote({ stored, isChanged }: { stored: StoredCatalogue; isChanged: boolean }) {
  const { version, changedAt, text, errors } = stored;
  return (
    <>
      <p>
        {text === null
          ? "No catalogue is in force: the settings name the one model. "
          : `Version ${version} is in force`}
        {text !== null && changedAt !== null && (
          <>
            , since <Moment at={changedAt} />.{" "}
          </>
        )}
        {isChanged && <strong>You have changes that are not stored.</strong>}
      </p>
      {errors.length > 0 && (
        <div class="problem">
          <p>This release cannot read what is stored, and functions go on with what they know, or refuse:</p>
          {errors.map(({ path, problem }) => (
            <p key={`${path} ${problem}`}>
              <code>{path}</code> {problem}
            </p>
          ))}
        </div>
      )}
    </>
  );
}
