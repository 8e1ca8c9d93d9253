/** The errors of a request, as types: the API refused it, its answer was lost, or it was not sent. */

/** The body of an error: RFC 9457, with the members of this API. */
interface ProblemBody {
  status?: number;
  detail?: string;
  code?: string;
  errors?: Record<string, string[]>;
  [member: string]: unknown;
}

/** The API answered with an error. */
export class ApiProblem extends Error {
  readonly status: number;
  /** The word of the error, such as `insufficient_tokens`: docs/api.md has them all. */
  readonly code: string;
  /** Sentences by the name of their field. */
  readonly errors: Record<string, string[]>;
  readonly body: ProblemBody;
  /** Names the request in the operator's log. */
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(response: Response, body: ProblemBody) {
    super(body.detail ?? `The server answered with ${response.status}.`);
    this.status = response.status;
    this.code = body.code ?? "error";
    this.errors = body.errors ?? {};
    this.body = body;
    this.requestId = response.headers.get("X-Request-Id");
    const wait = Number(response.headers.get("Retry-After") ?? Number.NaN);
    this.retryAfterSeconds = Number.isFinite(wait) ? wait : null;
  }

  /** A number beside the error, such as the `cost` of a message. */
  number(member: string): number | null {
    const value = this.body[member];
    return typeof value === "number" ? value : null;
  }
}

/** The request got no answer, or only a part of one: there is no network, no server, or the server took too long. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    const isLate = cause instanceof DOMException && cause.name === "TimeoutError";
    super(isLate ? "The server did not answer in time." : "There is no connection to the server.", { cause });
  }
}

/** The request was not sent, or the server refused it before it did anything: nothing was done, and nothing was charged. */
export class NotSent extends Error {
  /** `cause` is the error of the session, such as an `Unreachable`, where there was one. */
  constructor(cause: unknown, message = `${sentenceOf(cause)} Nothing was sent.`) {
    super(message, { cause });
  }
}

/** The session is over, and the person did not sign in again. */
export class SignedOut extends NotSent {
  constructor() {
    super(null, "You are signed out.");
  }
}

/** The person did not give the password for an act that wants a login of the last minutes. */
export class Cancelled extends NotSent {
  constructor() {
    super(null, "Nothing was done.");
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : "The session could not be renewed.";
}

/** Codes of the server's errors after which nothing was done. */
const NOTHING_DONE = ["model_failed", "model_misconfigured", "not_accepting"];

/**
 * Whether the request may have been carried out although it failed: there was no whole answer, or the server failed in the middle.
 * Such a request is repeated with its own key or not at all. `unavailable` is one of them: a message costs nothing then, but an
 * API key or a voucher may have been made.
 */
export function outcomeIsUnknown(error: unknown): boolean {
  if (error instanceof ApiProblem) return error.status >= 500 && !NOTHING_DONE.includes(error.code);
  // A request that was given up while it was on its way is an AbortError.
  return error instanceof Unreachable || error instanceof DOMException;
}

/** The problem that a response with an error has in its body, in the API's shape or in OpenAI's. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    body = {};
  }
  return problemIn(response, body);
}

/** The problem of a response whose body is read already. */
export function problemIn(response: Response, body: unknown): ApiProblem {
  const known = isObject(body) ? body : {};
  const openai = isObject(known.error) ? known.error : {};
  const detail = known.detail ?? openai.message;
  const code = known.code ?? openai.code;
  return new ApiProblem(response, {
    ...known,
    ...(typeof detail === "string" ? { detail } : {}),
    ...(typeof code === "string" ? { code } : {}),
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether `error` is the API's, with this code. */
export function isProblem(error: unknown, code: string): error is ApiProblem {
  return error instanceof ApiProblem && error.code === code;
}

/** The sentences of the API about one field. */
export function errorsOf(error: unknown, field: string): string[] {
  return error instanceof ApiProblem ? (error.errors[field] ?? []) : [];
}
