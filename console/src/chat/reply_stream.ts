/** Asks for a reply, and reads it as the model writes it: `POST chatView/` as server-sent events. */

import { createParser } from "eventsource-parser";
import { addressOf } from "../api/base.ts";
import { ApiProblem, problemOf } from "../api/problem.ts";
import { authorizedFetch } from "../session/session.ts";
import type { ReplyEvent } from "./reply_state.ts";
import { bodyOf, type Sent } from "./sent.ts";

/** A reply has at most 256 KiB, so an event has less than this many characters, escapes and all. */
const MOST_OF_AN_EVENT = 2 * 1024 * 1024;

/** Sends the message and tells what comes, until the stream ends. Throws what a request can throw, and an AbortError after a stop. */
export async function readReply(sent: Sent, signal: AbortSignal, tell: (event: ReplyEvent) => void): Promise<void> {
  const answer = await authorizedFetch(
    new Request(addressOf("chatView/"), {
      method: "POST",
      headers: {
        Accept: "text/event-stream",
        "Content-Type": "application/json",
        "Idempotency-Key": sent.key,
      },
      body: bodyOf(sent),
      signal,
    }),
  );
  if (!answer.ok || answer.body === null) {
    tell({ kind: "problem", problem: await problemOf(answer), now: Date.now() });
    return;
  }
  const isReplayed = answer.headers.get("Idempotent-Replayed") === "true";
  tell({ kind: "opened", id: answer.headers.get("X-Message-Id"), isReplayed });
  await readEvents(answer.body, tell);
  // After `paid` or `error` this changes nothing.
  tell({ kind: "cut" });
}

export async function readEvents(body: ReadableStream<Uint8Array>, tell: (event: ReplyEvent) => void): Promise<void> {
  const parser = createParser({
    maxBufferSize: MOST_OF_AN_EVENT,
    onEvent: ({ event, data }) => {
      const told = eventOf(event, data);
      if (told !== null) tell(told);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      parser.feed(decoder.decode(read.value, { stream: true }));
    }
  } finally {
    // An event that is not as the API writes it ends the reading, and so the connection.
    await reader.cancel().catch(() => {});
  }
}

/** The reply event in a server-sent event: null, if its name is not known. Throws at an event that is not as the API writes it. */
export function eventOf(name: string | undefined, data: string): ReplyEvent | null {
  const told: Record<string, unknown> = JSON.parse(data);
  switch (name) {
    case "text":
      return { kind: "text", text: textIn(told, "text") };
    case "paid":
      return { kind: "paid", id: textIn(told, "id"), cost: numberIn(told, "cost") };
    case "error":
      return { kind: "problem", problem: problemInStream(told), now: Date.now() };
    default:
      return null;
  }
}

function textIn(told: Record<string, unknown>, member: string): string {
  const value = told[member];
  if (typeof value !== "string") throw new TypeError(`An event has no text as its ${member}.`);
  return value;
}

function numberIn(told: Record<string, unknown>, member: string): number {
  const value = told[member];
  if (typeof value !== "number") throw new TypeError(`An event has no number as its ${member}.`);
  return value;
}

/** A problem whose status was sent before it was known. */
function problemInStream(body: Record<string, unknown>): ApiProblem {
  const status = typeof body.status === "number" && body.status >= 400 && body.status <= 599 ? body.status : 500;
  return new ApiProblem(new Response(null, { status }), body);
}
