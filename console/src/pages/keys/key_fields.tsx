/** The fields of a key's limits, in the form of a new key and of a change. */

import type { ComponentChildren } from "preact";
import { SelectField, TextField } from "../../parts/form.tsx";
import { PERIODS } from "./key_terms.ts";
import type { ApiKey } from "./keys_query.ts";
import { ModelsField } from "./models_field.tsx";

const MOST_CREDITS = Number.MAX_SAFE_INTEGER;
const MOST_REQUESTS = 6000;

export function NameField({ apiKey }: { apiKey?: ApiKey }) {
  return (
    <TextField
      label="Name"
      name="name"
      defaultValue={apiKey?.name ?? ""}
      autoFocus
      hint="For you: which program or person has it"
      maxLength={100}
      dir="auto"
      autoComplete="off"
      required
    />
  );
}

/** `children` are further fields in the same grid. */
export function LimitFields({ apiKey, children }: { apiKey?: ApiKey; children: ComponentChildren }) {
  const budget = apiKey?.budget ?? null;
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
          defaultValue={budget?.credits ?? ""}
          hint="Empty: up to your balance"
        />
        <SelectField label="for" name="per" hint="Periods are those of UTC">
          {PERIODS.map(({ value, label }) => (
            <option key={value} value={value} selected={value === (budget?.per ?? "month")}>
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
          defaultValue={apiKey?.requests_per_minute ?? ""}
          hint="Empty: any number"
        />
        {children}
      </div>
      <ModelsField chosen={apiKey?.models ?? []} />
    </>
  );
}

export function DaysField({ hint, isRequired = false }: { hint: string; isRequired?: boolean }) {
  return (
    <TextField
      label="Ends in days"
      name="expires_in_days"
      type="number"
      min={1}
      max={3650}
      step={1}
      hint={hint}
      required={isRequired}
    />
  );
}
