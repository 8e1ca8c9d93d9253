/**
 * The states of a message that was sent: a state machine without a clock, a network or a store. One question decides which acts a
 * person has next: can the message have been charged?
 */

import type { ApiProblem } from "../api/problem.ts";
import { isRepeatable, type Sent } from "./sent.ts";

export interface Reply {
  readonly sent: Sent;
  readonly stage: Stage;
  /** The words of the reply so far. */
  readonly text: string;
  /** The id that the message has at the server, once that is known. */
  readonly id: string | null;
  /** Whether the words come from an earlier request with the same key, which was charged then. */
  readonly isReplayed: boolean;
  /** Whether an earlier request with the same key may have been charged. A request that did not get so far says nothing about that one. */
  readonly isRepeated: boolean;
}

export type Stage =
  /** The request is out, and no word has come. */
  | { kind: "asking" }
  | { kind: "writing" }
  /** The server still answers the first request with this key. It is asked again at `until`, in milliseconds since the Unix epoch. */
  | { kind: "in-progress"; until: number }
  /** The person stopped reading. */
  | { kind: "stopped" }
  /** The page was closed or loaded again while the reply was under way. */
  | { kind: "found" }
  /** It may have been charged: the connection broke, or the server does not know. */
  | { kind: "unknown"; sentence: string }
  /** It was not answered, and not charged. */
  | { kind: "refused"; refusal: Refusal }
  | { kind: "paid"; cost: number }
  /** It was charged, and there is no whole reply: the model broke off, or the text is not kept. Or the key is too old to tell. */
  | { kind: "lost"; reason: "broke-off" | "gone" | "too-old" };

/** Why a message was refused, in a form that can be stored. */
export interface Refusal {
  code: string;
  sentence: string;
  /** The least that the message costs, and what there is, where the balance is too low. */
  cost: number | null;
  balance: number | null;
  retryAfterSeconds: number | null;
}

export type ReplyEvent =
  /** The headers of the answer came. */
  | { kind: "opened"; id: string | null; isReplayed: boolean }
  | { kind: "text"; text: string }
  | { kind: "paid"; id: string; cost: number }
  | { kind: "problem"; problem: ApiProblem; now: number }
  /** The connection broke, or the stream ended without `paid` and without `error`. */
  | { kind: "cut"; sentence?: string }
  | { kind: "stop" }
  /** Nothing was sent: there was no access token for it, or no room to keep the message. */
  | { kind: "not-sent"; sentence: string }
  /** The message is in the conversation: it was charged, and its reply is there. */
  | { kind: "seen"; id: string; cost: number; text: string };

const CUT = "The connection broke off before the end of the reply.";

/** How long to wait at least for the first request with a key. A reply may take minutes, and each question costs the server reads. */
const IN_PROGRESS_SECONDS = 3;

/** Problems of messages that were not charged, though their status does not say so. */
const FREE_CODES = ["model_failed", "model_misconfigured", "not_accepting", "unavailable"];

/** Problems that the API has before it looks for the key. */
const STATUSES_BEFORE_THE_KEY = [401, 403, 429];
const CODES_BEFORE_THE_KEY = ["not_accepting", "unavailable"];

export function asking(sent: Sent, isRepeated = false): Reply {
  return { sent, stage: { kind: "asking" }, text: "", id: null, isReplayed: false, isRepeated };
}

export function next(reply: Reply, event: ReplyEvent): Reply {
  // A settled reply stays settled: later events change nothing.
  if (isSettled(reply)) return reply;
  switch (event.kind) {
    case "opened":
      return isAsked(reply) ? { ...reply, id: event.id ?? reply.id, isReplayed: event.isReplayed } : reply;
    case "text":
      return isAsked(reply) ? { ...reply, stage: { kind: "writing" }, text: reply.text + event.text } : reply;
    case "paid":
      return { ...reply, id: event.id, stage: { kind: "paid", cost: event.cost } };
    case "seen":
      return { ...reply, id: event.id, text: event.text, stage: { kind: "paid", cost: event.cost } };
    case "problem":
      return isAsked(reply) ? { ...reply, stage: afterProblem(reply, event.problem, event.now) } : reply;
    case "not-sent":
      return isAsked(reply) ? { ...reply, stage: notSent(reply, event.sentence) } : reply;
    case "cut":
      return isAsked(reply) ? { ...reply, stage: { kind: "unknown", sentence: event.sentence ?? CUT } } : reply;
    case "stop":
      return isReading(reply) ? { ...reply, stage: { kind: "stopped" } } : reply;
  }
}

function afterProblem({ isRepeated }: Reply, problem: ApiProblem, now: number): Stage {
  switch (problem.code) {
    case "model_broke_off":
      return { kind: "lost", reason: "broke-off" };
    case "answer_gone":
      return { kind: "lost", reason: "gone" };
    case "in_progress": {
      const seconds = Math.max(problem.retryAfterSeconds ?? 0, IN_PROGRESS_SECONDS);
      return { kind: "in-progress", until: now + seconds * 1000 };
    }
  }
  const isFree = (problem.status < 500 && problem.code !== "outcome_unknown") || FREE_CODES.includes(problem.code);
  const isAboutTheKey =
    !STATUSES_BEFORE_THE_KEY.includes(problem.status) && !CODES_BEFORE_THE_KEY.includes(problem.code);
  if (!isFree || (isRepeated && !isAboutTheKey)) return { kind: "unknown", sentence: problem.message };
  return { kind: "refused", refusal: refusalOf(problem) };
}

/** A request that was not sent was not charged. An earlier one with its key may have been. */
function notSent({ isRepeated }: Reply, sentence: string): Stage {
  if (isRepeated) return { kind: "unknown", sentence };
  const refusal = { code: "not_sent", sentence, cost: null, balance: null, retryAfterSeconds: null };
  return { kind: "refused", refusal };
}

function refusalOf(problem: ApiProblem): Refusal {
  const ofFields = Object.values(problem.errors).flat();
  return {
    code: problem.code,
    sentence: ofFields.length > 0 ? ofFields.join(" ") : problem.message,
    cost: problem.number("cost"),
    balance: problem.number("balance"),
    retryAfterSeconds: problem.retryAfterSeconds,
  };
}

/** Whether a request of this page is out, or will be when the wait is over. */
export function isReading(reply: Reply): boolean {
  return isAsked(reply) || reply.stage.kind === "in-progress";
}

/** Whether a request is out. */
function isAsked({ stage }: Reply): boolean {
  return stage.kind === "asking" || stage.kind === "writing";
}

/** Whether it is known what became of the message, so that nothing can change it any more. */
export function isSettled({ stage }: Reply): boolean {
  return stage.kind === "paid" || stage.kind === "lost";
}

/** Whether the message may have been charged, or may yet be: it can be asked for again with its own key, and in no other way. */
export function isOpen(reply: Reply): boolean {
  return !isSettled(reply) && reply.stage.kind !== "refused";
}

/** The reply that a store had, after the page was loaded again. Nothing is asked for by itself. */
export function found(sent: Sent, id: string | null, refusal: Refusal | null, now: number): Reply {
  const stage: Stage = refusal === null ? { kind: "found" } : { kind: "refused", refusal };
  const reply: Reply = { ...asking(sent), stage, id };
  return refusal === null ? aged(reply, now) : reply;
}

/** A reply whose key the server may have forgotten can no longer be asked for. */
export function aged(reply: Reply, now: number): Reply {
  if (!isOpen(reply) || isReading(reply) || isRepeatable(reply.sent, now)) return reply;
  return { ...reply, stage: { kind: "lost", reason: "too-old" } };
}

/** The message in what the conversation has, newest first: by its id if that is known, or else by its text after all that was known before. */
export function storedOf<M extends { id: string; message: string }>(reply: Reply, messages: M[]): M | undefined {
  const { sent, id } = reply;
  if (id !== null) return messages.find((message) => message.id === id);
  return messages.findLast(
    (message) => message.message === sent.message && (sent.after === null || message.id > sent.after),
  );
}
