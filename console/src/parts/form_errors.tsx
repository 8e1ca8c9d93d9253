/** The errors of a form's fields, for the fields in it. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const FormErrors = createContext<(name: string) => string[]>(() => []);

export function useFieldErrors(name: string): string[] {
  return useContext(FormErrors)(name);
}
