/** A problem, in a sentence that says what to do. */

import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiProblem, NotSent, Unreachable } from "../api/problem.ts";

interface Props {
  error: Error | null;
  /** A form whose fields show their own errors: only the errors of other fields are shown here. */
  form?: RefObject<HTMLFormElement>;
  children?: ComponentChildren;
}

export function ProblemNote({ error, form, children }: Props) {
  const note = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // An alert that appears below the fold would be heard and not seen.
    if (error !== null) note.current?.scrollIntoView?.({ block: "nearest" });
  }, [error]);
  if (error === null) return null;
  return (
    <div ref={note} class="problem" role="alert">
      {sentencesOf(error, form?.current ?? null).map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      {children}
      {error instanceof ApiProblem && error.status >= 500 && error.requestId !== null && (
        <p>
          <small>Ask the operator about request {error.requestId}.</small>
        </p>
      )}
    </div>
  );
}

function sentencesOf(error: Error, form: HTMLFormElement | null): string[] {
  if (error instanceof Unreachable) return [`${error.message} What you typed is still here: try again.`];
  if (error instanceof NotSent && error.cause instanceof ApiProblem) return [error.message, ...waitOf(error.cause)];
  if (error instanceof NotSent && error.cause !== null)
    return [`${error.message} What you typed is still here: try again.`];
  if (!(error instanceof ApiProblem)) return [error.message];
  const others = Object.entries(error.errors).filter(([field]) => form?.elements.namedItem(field) == null);
  const ofFields = others.flatMap(([field, sentences]) => sentences.map((sentence) => `${field}: ${sentence}`));
  return [error.message, ...ofFields, ...waitOf(error)];
}

function waitOf({ retryAfterSeconds: seconds, message }: ApiProblem): string[] {
  if (seconds === null || message.includes("Expected available")) return [];
  return [`Try again in ${seconds === 1 ? "a second" : `${seconds} seconds`}.`];
}
