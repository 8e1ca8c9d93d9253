/** A text with the numbers of its lines. The Tab key goes on to the next control, as everywhere. */

import type { Ref } from "preact";
import { useImperativeHandle, useMemo, useRef } from "preact/hooks";
import type { Fault } from "./document.ts";

export interface TextEditor {
  /** Shows the place of a fault, selects it, and gives the text the focus. */
  jumpTo(fault: Fault): void;
  focus(): void;
}

interface Props {
  handle: Ref<TextEditor>;
  text: string;
  faults: Fault[];
  onChange: (text: string) => void;
}

/** The id of the list of faults: faults_list.tsx. */
export const FAULTS_ID = "catalogue-faults";
/** Lines above the one that is jumped to. */
const ABOVE = 4;
const LEAST_LINES = 16;

export function TextEditorArea({ handle, text, faults, onChange }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const lines = useMemo(() => text.split("\n").length, [text]);
  useImperativeHandle(handle, () => ({
    jumpTo({ line, offset, length }) {
      if (area.current === null || frame.current === null) return;
      area.current.focus({ preventScroll: true });
      area.current.setSelectionRange(offset, offset + length);
      const height = Number.parseFloat(getComputedStyle(area.current).lineHeight);
      frame.current.scrollTop = Math.max(0, (line - ABOVE) * height);
      frame.current.scrollIntoView({ block: "nearest" });
    },
    focus: () => area.current?.focus(),
  }));
  return (
    <div class="text-editor">
      <label for="catalogue-text">The catalogue as JSON</label>
      <div ref={frame} class="frame">
        <LineNumbers lines={lines} faults={faults} />
        <textarea
          ref={area}
          id="catalogue-text"
          rows={Math.max(lines, LEAST_LINES) + 1}
          wrap="off"
          spellcheck={false}
          autoCapitalize="none"
          autoComplete="off"
          dir="ltr"
          aria-invalid={faults.length > 0 ? "true" : undefined}
          aria-describedby={faults.length > 0 ? FAULTS_ID : undefined}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      </div>
    </div>
  );
}

function LineNumbers({ lines, faults }: { lines: number; faults: Fault[] }) {
  const marked = new Set(faults.map((fault) => fault.line));
  const numbers = useMemo(() => Array.from({ length: lines }, (_, index) => index + 1), [lines]);
  if (marked.size === 0) return <pre aria-hidden="true">{numbers.join("\n")}</pre>;
  return (
    <pre aria-hidden="true">
      {numbers.map((number) => (marked.has(number) ? [<mark key={number}>{number}</mark>, "\n"] : `${number}\n`))}
    </pre>
  );
}
