/** Asks for a name before an act that cannot be undone: whoever has the wrong page open notices it. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Act } from "../parts/form.tsx";
import { TextField } from "../parts/form.tsx";
import { ConfirmDialog } from "./confirm_dialog.tsx";

interface Props {
  title: string;
  /** The name to be typed. */
  name: string;
  act: Act;
  label: string;
  children: ComponentChildren;
  onClose: () => void;
}

export function NamedDialog({ title, name, act, label, children, onClose }: Props) {
  const [typed, setTyped] = useState("");
  return (
    <ConfirmDialog title={title} act={act} label={label} disabled={typed.trim() !== name} onClose={onClose}>
      {children}
      <TextField
        label={
          <>
            Type <bdi>{name}</bdi> to confirm
          </>
        }
        name="typed_name"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        dir="auto"
        autoFocus
        autoComplete="off"
        autoCapitalize="none"
        spellcheck={false}
      />
    </ConfirmDialog>
  );
}
