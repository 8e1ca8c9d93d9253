/** The field for a name that is typed before an act that cannot be undone: a person with the wrong page open notices it. */

import { TextField } from "./form.tsx";

interface Props {
  /** The name to be typed. */
  name: string;
  typed: string;
  onType: (typed: string) => void;
}

/** Names have no white space around them, and a paste may have some. */
export function isTypedName(typed: string, name: string): boolean {
  return typed.trim() === name;
}

export function TypedNameField({ name, typed, onType }: Props) {
  return (
    <TextField
      label={
        <>
          Type <bdi>{name}</bdi> to confirm
        </>
      }
      name="typed_name"
      value={typed}
      onInput={(event) => onType(event.currentTarget.value)}
      dir="auto"
      autoFocus
      autoComplete="off"
      autoCapitalize="none"
      spellcheck={false}
    />
  );
}
