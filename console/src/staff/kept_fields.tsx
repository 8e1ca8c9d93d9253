/** Keeps what is typed into the fields within it, so that a reload loses nothing. Names that confirm an act stay outside. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { keepDraft, keptDraft } from "../parts/drafts.ts";
import { restore, valuesOf } from "./field_values.ts";

export function KeptFields({ name, children }: { name: string; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current !== null) restore(box.current, keptDraft(name));
  }, [name]);
  const keep = () => {
    if (box.current !== null) keepDraft(name, valuesOf(box.current));
  };
  return (
    <div ref={box} onInput={keep} onChange={keep}>
      {children}
    </div>
  );
}

/** `onClose` of a form with `KeptFields` that is done or refused: what was typed is dropped. */
export function dropping(name: string, onClose: () => void): () => void {
  return () => {
    keepDraft(name, "");
    onClose();
  };
}
