/** Why an act is done, for the history. */

import { TextField } from "../parts/form.tsx";

export function ReasonField({ isRequired = false, hint }: { isRequired?: boolean; hint?: string }) {
  return (
    <TextField
      label={isRequired ? "Reason" : "Reason, if you like"}
      name="reason"
      hint={hint ?? "For whoever reads the history"}
      maxLength={500}
      dir="auto"
      autoComplete="off"
      required={isRequired}
    />
  );
}
