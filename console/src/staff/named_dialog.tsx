/** Asks for a name before an act that cannot be undone: a person with the wrong page open notices it. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Act } from "../parts/form.tsx";
import { isTypedName, TypedNameField } from "../parts/typed_name.tsx";
import { ConfirmDialog } from "./confirm_dialog.tsx";

interface Props {
  title: string;
  /** The name to be typed. */
  name: string;
  act: Act;
  label: string;
  children: ComponentChildren;
  onDone?: () => void;
  onClose: () => void;
}

export function NamedDialog({ name, children, ...dialog }: Props) {
  const [typed, setTyped] = useState("");
  return (
    <ConfirmDialog {...dialog} disabled={!isTypedName(typed, name)}>
      {children}
      <TypedNameField name={name} typed={typed} onType={setTyped} />
    </ConfirmDialog>
  );
}
