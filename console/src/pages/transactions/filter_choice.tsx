/** The fields of the filters. Each change counts at once. */

import { useQuery } from "@tanstack/preact-query";
import { useEffect, useState } from "preact/hooks";
import { modelsQuery } from "../../api/queries.ts";
import { isDay } from "../../parts/days.ts";
import { SelectField, TextField } from "../../parts/form.tsx";
import { endedKeyName } from "../../parts/ids.ts";
import { keysQuery } from "../keys/keys_query.ts";
import type { FilterName, Filters } from "./filters.ts";
import { KINDS } from "./kinds.ts";

interface Props {
  filters: Filters;
  onChange: (name: FilterName, value: string) => void;
  onClear: () => void;
}

interface Option {
  value: string;
  label: string;
}

export function FilterChoice({ filters, onChange, onClear }: Props) {
  const keys = useQuery(keysQuery).data ?? [];
  const models = useQuery(modelsQuery).data ?? [];
  const ofKeys = keys.map(({ id, name, prefix }) => ({ value: id, label: `${name} (${prefix}…)` }));
  const ofModels = models.map(({ id }) => ({ value: id, label: id }));
  return (
    <search class="filters" aria-label="Choose transactions">
      <Choice label="Kind" name="kind" all="All kinds" options={KINDS} {...{ filters, onChange }} />
      <Choice label="API key" name="key" all="All, and without a key" options={ofKeys} {...{ filters, onChange }} />
      <Choice label="Model" name="model" all="All models" options={ofModels} {...{ filters, onChange }} />
      <DayField label="From (UTC)" name="from" {...{ filters, onChange }} />
      <DayField label="To (UTC)" name="to" {...{ filters, onChange }} />
      {Object.keys(filters).length > 0 && (
        <button type="button" class="secondary" onClick={onClear}>
          Show all
        </button>
      )}
    </search>
  );
}

interface ChoiceProps extends Pick<Props, "filters" | "onChange"> {
  label: string;
  name: FilterName;
  all: string;
  options: readonly Option[];
}

function Choice({ label, name, all, options, filters, onChange }: ChoiceProps) {
  const chosen = filters[name] ?? "";
  // An address may choose an ended key, or a model that is gone. No list has them.
  const isKnown = chosen === "" || options.some(({ value }) => value === chosen);
  return (
    <SelectField
      label={label}
      name={name}
      value={chosen}
      onChange={(event) => onChange(name, event.currentTarget.value)}
    >
      <option value="">{all}</option>
      {!isKnown && <option value={chosen}>{name === "key" ? endedKeyName(chosen) : chosen}</option>}
      {options.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </SelectField>
  );
}

type DayFieldProps = Pick<Props, "filters" | "onChange"> & { label: string; name: "from" | "to" };

export function DayField({ label, name, filters, onChange }: DayFieldProps) {
  const chosen = filters[name] ?? "";
  const [typed, setTyped] = useState(chosen);
  useEffect(() => setTyped(chosen), [chosen]);
  const type = (value: string) => {
    setTyped(value);
    if (value === "" || isDay(value)) onChange(name, value);
  };
  return (
    <TextField
      label={label}
      name={name}
      type="date"
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
    />
  );
}
