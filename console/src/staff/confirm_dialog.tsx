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
  onClose: () => void;
}

export function ConfirmDialog({ title, act, label, children, disabled = false, onClose }: Props) {
  return (
    <Dialog title={title} onClose={onClose}>
      <ActForm act={act} label={label} onRefuse={onClose} disabled={disabled} isDangerous>
        {children}
      </ActForm>
    </Dialog>
  );
}
