/** Forms: fields with their errors beside them, and a form that does one act. */

import type { UseMutationResult } from "@tanstack/preact-query";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { errorsOf } from "../api/problem.ts";
import { FormErrors, useFieldErrors } from "./form_errors.tsx";
import { ProblemNote } from "./problem_note.tsx";

interface FieldProps {
  label: ComponentChildren;
  name: string;
  hint?: ComponentChildren;
  /** Errors beside those that the API has for `name`. */
  errors?: string[];
}

type TextFieldProps = FieldProps & Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "label" | "name">;

/** One line of text, a number, a password, or a date. */
export function TextField({ label, name, hint, errors, ...input }: TextFieldProps) {
  const field = useField(name, hint, errors);
  return (
    <div class="field">
      <label for={field.id}>{label}</label>
      <input {...input} {...field.attributes} name={name} />
      <FieldNotes {...field} hint={hint} />
    </div>
  );
}

type SelectFieldProps = FieldProps & Omit<JSX.SelectHTMLAttributes<HTMLSelectElement>, "label" | "name">;

/** A choice among `option`s. */
export function SelectField({ label, name, hint, errors, children, ...select }: SelectFieldProps) {
  const field = useField(name, hint, errors);
  return (
    <div class="field">
      <label for={field.id}>{label}</label>
      <select {...select} {...field.attributes} name={name}>
        {children}
      </select>
      <FieldNotes {...field} hint={hint} />
    </div>
  );
}

type TextAreaProps = FieldProps & Omit<JSX.TextareaHTMLAttributes<HTMLTextAreaElement>, "label" | "name">;

/** Several lines of text. */
export function TextArea({ label, name, hint, errors, ...area }: TextAreaProps) {
  const field = useField(name, hint, errors);
  return (
    <div class="field">
      <label for={field.id}>{label}</label>
      <textarea dir="auto" {...area} {...field.attributes} name={name} />
      <FieldNotes {...field} hint={hint} />
    </div>
  );
}

/** A box to tick. */
export function CheckField({ label, name, hint, errors, ...input }: TextFieldProps) {
  const field = useField(name, hint, errors);
  return (
    <div class="field">
      <label>
        <input type="checkbox" {...input} {...field.attributes} name={name} />
        {label}
      </label>
      <FieldNotes {...field} hint={hint} />
    </div>
  );
}

interface Field {
  id: string;
  notes: string;
  errors: string[];
  attributes: { id: string; "aria-invalid"?: "true"; "aria-describedby"?: string };
}

function useField(name: string, hint: ComponentChildren, own: string[] = []): Field {
  const id = useId();
  const notes = `${id}-notes`;
  const errors = [...own, ...useFieldErrors(name)];
  const isDescribed = errors.length > 0 || hint !== undefined;
  return {
    id,
    notes,
    errors,
    attributes: {
      id,
      ...(errors.length > 0 ? { "aria-invalid": "true" as const } : {}),
      ...(isDescribed ? { "aria-describedby": notes } : {}),
    },
  };
}

function FieldNotes({ notes, errors, hint }: Field & { hint: ComponentChildren }) {
  if (errors.length === 0 && hint === undefined) return null;
  return (
    <div id={notes} class="notes">
      {errors.map((error) => (
        <small key={error} class="error">
          {error}
        </small>
      ))}
      {hint !== undefined && <small>{hint}</small>}
    </div>
  );
}

/** Something that a form does: a mutation of its fields. */
export type Act<T = unknown> = Pick<UseMutationResult<T, Error, FormData>, "mutate" | "isPending" | "error">;

interface ActFormProps<T> {
  act: Act<T>;
  /** The button's word. */
  label: string;
  children: ComponentChildren;
  onDone?: (done: T, form: HTMLFormElement) => void;
  refuse?: string;
  onRefuse?: () => void;
  /** Whether the act takes something away. */
  isDangerous?: boolean;
  disabled?: boolean;
}

/** A form that does one act. Errors of fields stand beside them, all others below, and the first field with one has the focus. */
export function ActForm<T>(props: ActFormProps<T>) {
  const form = useRef<HTMLFormElement>(null);
  const { act } = props;
  useEffect(() => {
    if (act.error !== null) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [act.error]);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const submitted = event.currentTarget as HTMLFormElement;
    if (!act.isPending) act.mutate(new FormData(submitted), { onSuccess: (done) => props.onDone?.(done, submitted) });
  };
  return (
    <form ref={form} onSubmit={submit}>
      <FormErrors.Provider value={(name) => errorsOf(act.error, name)}>{props.children}</FormErrors.Provider>
      <ProblemNote error={act.error} form={form} />
      <div class="buttons">
        <button
          type="submit"
          aria-busy={act.isPending}
          disabled={props.disabled ?? false}
          class={props.isDangerous ? "danger" : ""}
        >
          {props.label}
        </button>
        {props.onRefuse !== undefined && (
          <button type="button" class="secondary" onClick={props.onRefuse}>
            {props.refuse ?? "Cancel"}
          </button>
        )}
      </div>
    </form>
  );
}
