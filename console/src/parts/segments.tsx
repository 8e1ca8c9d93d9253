/** A choice of one among a few, as buttons in a row. It is a group of radio buttons, so that arrow keys choose. */

import { useId } from "preact/hooks";
import "../style/segments.css";

interface Props<T extends string> {
  label: string;
  options: ReadonlyArray<{ value: T; label: string }>;
  /** `null` while none of them is chosen. */
  value: T | null;
  onChoose: (value: T) => void;
}

export function Segments<T extends string>({ label, options, value, onChoose }: Props<T>) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend>{label}</legend>
      <div>
        {options.map((option) => (
          <label key={option.value}>
            <input type="radio" name={name} checked={option.value === value} onChange={() => onChoose(option.value)} />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
