/** Asks before an act that takes something away. */

import type { ComponentChildren } from "preact";
import { Dialog } from "../parts/dialog.tsx";
import { type Act, ActForm } from "../parts/form.tsx";

interface Props {
  title: string;
  act: Act;
  /** The word of the button that does it. */
  label: string;
  children: ComponentChildren;
  disabled?: boolean;
  /** After the act, unless the dialog was closed. */
  onDone?: () => void;
  onClose: () => void;
}

export function ConfirmDialog({ title, act, label, children, disabled = false, onDone = () => {}, onClose }: Props) {
  return (
    <Dialog title={title} onClose={onClose}>
      <ActForm act={act} label={label} onDone={() => onDone()} onRefuse={onClose} disabled={disabled} isDangerous>
        {children}
      </ActForm>
    </Dialog>
  );
}
