/** The fields of a grant: give or take back, how much, and why. */

import { SelectField, TextField } from "../parts/form.tsx";
import type { TypedGrant } from "./typed_grant.ts";

/** The most that the API takes for one grant. The deployment's `MAX_GRANT` may be lower. */
const MOST_CREDITS = 1_000_000_000_000;

interface Props {
  typed: TypedGrant;
  onType: (typed: TypedGrant) => void;
  /** Whether the grant was sent already, and can only be sent again as it is. */
  isFixed: boolean;
  autoFocus?: boolean;
}

export function GrantFields({ typed, onType, isFixed, autoFocus = false }: Props) {
  return (
    <>
      <div class="fields">
        <SelectField
          label="What"
          name="direction"
          value={typed.direction}
          disabled={isFixed}
          onChange={(event) => onType({ ...typed, direction: event.currentTarget.value === "take" ? "take" : "give" })}
        >
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
          value={typed.amount}
          readOnly={isFixed}
          onInput={(event) => onType({ ...typed, amount: event.currentTarget.value })}
        />
      </div>
      <TextField
        label="Reason"
        name="reason"
        hint="For readers of the history"
        maxLength={500}
        dir="auto"
        autoComplete="off"
        required
        value={typed.reason}
        readOnly={isFixed}
        onInput={(event) => onType({ ...typed, reason: event.currentTarget.value })}
      />
    </>
  );
}
