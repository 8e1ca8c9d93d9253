/** The fields of a grant: give or take back, how much, and why. */

import { SelectField, TextField } from "../parts/form.tsx";

/** The most that the API takes for one grant. The deployment's `MAX_GRANT` may be lower. */
const MOST_CREDITS = 1_000_000_000_000;

interface Props {
  /** A grant that was sent already, and is not to be changed: only to be sent again. */
  kept: { amount: number; reason: string } | null;
  autoFocus?: boolean;
}

export function GrantFields({ kept, autoFocus = false }: Props) {
  const fixed = kept === null ? {} : { value: kept.reason, readOnly: true };
  const amount = kept === null ? {} : { value: Math.abs(kept.amount), readOnly: true };
  const direction = kept === null ? {} : { value: kept.amount < 0 ? "take" : "give", disabled: true };
  return (
    <>
      <div class="fields">
        <SelectField label="What" name="direction" {...direction}>
          <option value="give">give</option>
          <option value="take">take back</option>
        </SelectField>
        <TextField
          label="Credits"
          name="amount"
          type="number"
          inputMode="numeric"
          min={1}
          max={MOST_CREDITS}
          step={1}
          autoFocus={autoFocus}
          required
          {...amount}
        />
      </div>
      <TextField
        label="Reason"
        name="reason"
        hint="For whoever reads the history"
        maxLength={500}
        dir="auto"
        autoComplete="off"
        required
        {...fixed}
      />
    </>
  );
}

/** What is given: a negative number is taken back. */
export function amountIn(fields: FormData): number {
  const amount = Number(fields.get("amount"));
  return fields.get("direction") === "take" ? -amount : amount;
}
