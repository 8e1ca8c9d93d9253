/** The fields of a key's limits, in the form of a new key and of a change. */

import type { ComponentChildren } from "preact";
import { SelectField, TextField } from "../../parts/form.tsx";
import { PERIODS } from "./key_terms.ts";
import { ModelsField } from "./models_field.tsx";
import type { TypedTerms } from "./typed_terms.ts";

const MOST_CREDITS = Number.MAX_SAFE_INTEGER;
const MOST_REQUESTS = 6000;
const LONGEST_LIFE_DAYS = 3650;

export function NameField({ terms }: { terms: TypedTerms }) {
  return (
    <TextField
      label="Name"
      name="name"
      defaultValue={terms.name}
      autoFocus
      hint="For you: the program or the person that has the key"
      maxLength={100}
      dir="auto"
      autoComplete="off"
      required
    />
  );
}

interface LimitFieldsProps {
  terms: TypedTerms;
  /** The models that the key has now. */
  models: string[];
  /** Further fields in the same grid. */
  children: ComponentChildren;
}

export function LimitFields({ terms, models, children }: LimitFieldsProps) {
  return (
    <>
      <div class="fields">
        <TextField
          label="Budget in credits"
          name="budget"
          type="number"
          min={0}
          max={MOST_CREDITS}
          step={1}
          defaultValue={terms.budget}
          hint="Empty: up to your balance"
        />
        <SelectField label="for" name="per" hint="Periods are those of UTC">
          {PERIODS.map(({ value, label }) => (
            <option key={value} value={value} selected={value === terms.per}>
              {label}
            </option>
          ))}
        </SelectField>
        <TextField
          label="Messages a minute"
          name="requests_per_minute"
          type="number"
          min={1}
          max={MOST_REQUESTS}
          step={1}
          defaultValue={terms.requests_per_minute}
          hint="Empty: any number"
        />
        {children}
      </div>
      <ModelsField ticked={terms.models} known={models} />
    </>
  );
}

export function DaysField(props: { days: string; hint: string; isRequired?: boolean }) {
  return (
    <TextField
      label="Ends in days"
      name="expires_in_days"
      type="number"
      min={1}
      max={LONGEST_LIFE_DAYS}
      step={1}
      defaultValue={props.days}
      hint={props.hint}
      required={props.isRequired ?? false}
    />
  );
}
