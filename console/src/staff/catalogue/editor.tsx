/** Writes a catalogue: check it, see what changes, store it. */

import { useMutation } from "@tanstack/preact-query";
import { useRef, useState } from "preact/hooks";
import { announce, notify } from "../../parts/announcer.tsx";
import { Moment } from "../../parts/moment.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { BehindNote } from "./behind_note.tsx";
import { check, type StoredCatalogue } from "./catalogue_api.ts";
import { type Fault, faultsOf, laidOut, placed } from "./document.ts";
import { type Edited, useEdited } from "./edited.ts";
import { EXAMPLE } from "./example.ts";
import { FaultsList } from "./faults_list.tsx";
import { PricesTable } from "./prices_table.tsx";
import { SettingsDialog } from "./settings_dialog.tsx";
import { StoreDialog } from "./store_dialog.tsx";
import { type TextEditor, TextEditorArea } from "./text_editor.tsx";

/** A text that was checked, with its mistakes. */
interface Checked {
  text: string;
  faults: Fault[];
}

async function checkedText(text: string): Promise<Checked> {
  const own = faultsOf(text);
  if (own.length > 0) return { text, faults: own };
  const { errors } = await check(text);
  return { text, faults: errors.map(({ path, problem }) => placed(text, path, problem)) };
}

export function Editor({ stored }: { stored: StoredCatalogue }) {
  const { edited, isChanged, isBehind, change, drop } = useEdited(stored);
  const [refused, setRefused] = useState<Checked | null>(null);
  const [opened, setOpened] = useState<"" | "store" | "settings">("");
  const editor = useRef<TextEditor>(null);
  const checking = useMutation({ mutationFn: checkedText, onSuccess: announceResult });
  const { text } = edited;
  // Faults of another text are not shown beside this one.
  const checked = [checking.data, refused].find((known) => known?.text === text) ?? null;
  const write = (written: string) => change({ ...edited, text: written });
  const close = () => setOpened("");
  // The button goes with what it was about, and the text takes the focus.
  const goOn = (next: Edited) => {
    change(next);
    editor.current?.focus();
  };
  const dropAll = () => {
    drop();
    editor.current?.focus();
  };
  const stop = (faults: Fault[]) => {
    setRefused({ text, faults });
    close();
  };
  return (
    <>
      <StoredNote stored={stored} isChanged={isChanged} />
      {isBehind && <BehindNote stored={stored} edited={edited} onTakeTheirs={dropAll} onGoOn={goOn} />}
      <TextEditorArea handle={editor} text={text} faults={checked?.faults ?? []} onChange={write} />
      <div class="buttons">
        <CheckButton
          isWritten={text.trim() !== ""}
          isChecking={checking.isPending}
          onCheck={() => checking.mutate(text)}
        />
        <button
          type="button"
          disabled={!isChanged || isBehind || text.trim() === ""}
          onClick={() => setOpened("store")}
        >
          Store …
        </button>
        <TextButtons text={text} onWrite={write} />
        {isChanged && <SecondaryButton label="Drop my changes" onClick={dropAll} />}
        {stored.text !== null && (
          <SecondaryButton label="Back to the settings …" onClick={() => setOpened("settings")} />
        )}
      </div>
      <ProblemNote error={checking.error} />
      {checked !== null && <Result checked={checked} onJump={(fault) => editor.current?.jumpTo(fault)} />}
      {opened === "store" && (
        <StoreDialog
          stored={stored}
          edited={edited}
          onStored={() => {
            drop();
            close();
          }}
          onRefused={stop}
          onClose={close}
        />
      )}
      {opened === "settings" && <SettingsDialog stored={stored} onClose={close} />}
    </>
  );
}

function CheckButton(props: { isWritten: boolean; isChecking: boolean; onCheck: () => void }) {
  return (
    <button type="button" aria-busy={props.isChecking} disabled={!props.isWritten} onClick={props.onCheck}>
      Check
    </button>
  );
}

/** The acts on the text that need no server. */
function TextButtons({ text, onWrite }: { text: string; onWrite: (text: string) => void }) {
  if (text.trim() === "") return <SecondaryButton label="Begin with an example" onClick={() => onWrite(EXAMPLE)} />;
  return <SecondaryButton label="Lay out" onClick={() => onWrite(laidOut(text))} />;
}

function SecondaryButton({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <button type="button" class="secondary" onClick={onClick}>
      {label}
    </button>
  );
}

function announceResult({ faults }: Checked): void {
  if (faults.length === 0) notify("This is a catalogue. Nothing is stored yet.");
  else announce(faults.length === 1 ? "One mistake." : `${faults.length} mistakes.`);
}

function Result({ checked, onJump }: { checked: Checked; onJump: (fault: Fault) => void }) {
  if (checked.faults.length > 0) return <FaultsList faults={checked.faults} onJump={onJump} />;
  return <PricesTable text={checked.text} />;
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
