/** Why an act is done, for the history. */

import { TextField } from "../parts/form.tsx";

interface Props {
  isRequired?: boolean;
  hint?: string;
  autoFocus?: boolean;
}

export function ReasonField({ isRequired = false, hint, autoFocus = false }: Props) {
  return (
    <TextField
      label={isRequired ? "Reason" : "Reason, if you like"}
      name="reason"
      hint={hint ?? "For readers of the history"}
      maxLength={500}
      dir="auto"
      autoFocus={autoFocus}
      autoComplete="off"
      required={isRequired}
    />
  );
}
