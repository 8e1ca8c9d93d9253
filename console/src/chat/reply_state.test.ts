import { describe, expect, it } from "vitest";
import { ApiProblem } from "../api/problem.ts";
import {
  aged,
  asking,
  found,
  isOpen,
  isReading,
  isSettled,
  next,
  type Reply,
  type ReplyEvent,
  storedOf,
} from "./reply_state.ts";
import { newSent, type Sent } from "./sent.ts";

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const SENT: Sent = newSent({ message: "Hello", model: "dummy", conversation: "C" }, "ada", "M1", NOW);

function problem(status: number, code: string, more: object = {}, headers: Record<string, string> = {}): ReplyEvent {
  const body = { code, detail: `About ${code}.`, ...more };
  return { kind: "problem", problem: new ApiProblem(new Response(null, { status, headers }), body), now: NOW };
}

function after(...events: ReplyEvent[]): Reply {
  return events.reduce(next, asking(SENT));
}

const OPENED: ReplyEvent = { kind: "opened", id: "M2", isReplayed: false };
const TEXT: ReplyEvent = { kind: "text", text: "Hi" };
const PAID: ReplyEvent = { kind: "paid", id: "M2", cost: 3 };

describe("a message that was sent", () => {
  it("is written and paid", () => {
    expect(after(OPENED, TEXT, { kind: "text", text: " Ada" })).toMatchObject({
      text: "Hi Ada",
      stage: { kind: "writing" },
    });
    expect(after(OPENED, TEXT, PAID)).toMatchObject({ id: "M2", stage: { kind: "paid", cost: 3 } });
  });

  it("stays paid, whatever comes late", () => {
    const paid = after(OPENED, TEXT, PAID);
    for (const late of [TEXT, { kind: "cut" }, { kind: "stop" }, problem(500, "error")] as ReplyEvent[]) {
      expect(next(paid, late)).toBe(paid);
    }
  });

  it("was not charged after a refusal, and may be changed", () => {
    for (const refusal of [
      problem(400, "invalid"),
      problem(400, "context_length_exceeded"),
      problem(402, "insufficient_tokens"),
      problem(413, "too_large"),
      problem(422, "idempotency_mismatch"),
      problem(429, "throttled"),
      problem(502, "model_failed"),
      problem(502, "model_misconfigured"),
      problem(503, "not_accepting"),
      problem(503, "unavailable"),
    ]) {
      const refused = after(refusal);
      expect(refused.stage.kind).toBe("refused");
      expect(isOpen(refused)).toBe(false);
      expect(isSettled(refused)).toBe(false);
    }
  });

  it("may have been charged where nobody can tell", () => {
    const open = [
      problem(500, "error"),
      problem(504, "error"),
      problem(503, "outcome_unknown"),
      problem(502, "anything_new"),
      { kind: "cut" } as const,
    ];
    for (const event of open) {
      expect(after(event).stage.kind).toBe("unknown");
      expect(isOpen(after(event))).toBe(true);
      expect(after(OPENED, TEXT, event).stage.kind).toBe("unknown");
    }
  });

  it("was not charged where it was not sent", () => {
    const reply = after({ kind: "not-sent", sentence: "There is no connection." });
    expect(reply.stage).toMatchObject({ kind: "refused", refusal: { sentence: "There is no connection." } });
  });

  it("may still have been charged where a repetition was not sent, or did not get as far as its key", () => {
    const repeated = asking(SENT, true);
    const early = [problem(429, "throttled"), problem(503, "not_accepting"), problem(503, "unavailable")];
    for (const event of [{ kind: "not-sent", sentence: "No room." } as const, ...early]) {
      expect(next(repeated, event).stage.kind).toBe("unknown");
      expect(next(asking(SENT), event).stage.kind).toBe("refused");
    }
    expect(next(repeated, problem(402, "insufficient_tokens")).stage.kind).toBe("refused");
  });

  it("keeps what was read when the connection breaks", () => {
    expect(after(OPENED, TEXT, { kind: "cut" }).text).toBe("Hi");
  });

  it("is over where it was charged and there is no whole reply", () => {
    expect(after(OPENED, TEXT, problem(502, "model_broke_off")).stage).toEqual({ kind: "lost", reason: "broke-off" });
    expect(after(problem(409, "answer_gone")).stage).toEqual({ kind: "lost", reason: "gone" });
  });

  it("is waited for while the first request with its key is answered", () => {
    const waiting = after(problem(409, "in_progress", {}, { "Retry-After": "7" }));
    expect(waiting.stage).toEqual({ kind: "in-progress", until: NOW + 7000 });
    expect(isReading(waiting)).toBe(true);
    expect(next(waiting, { kind: "stop" }).stage.kind).toBe("stopped");
  });

  it("may have been charged after a stop, and hears no more of the request", () => {
    const stopped = after(OPENED, TEXT, { kind: "stop" });
    expect(isOpen(stopped)).toBe(true);
    expect(next(stopped, TEXT)).toBe(stopped);
    expect(next(stopped, { kind: "cut" })).toBe(stopped);
  });

  it("is paid once it is seen in the conversation", () => {
    const seen: ReplyEvent = { kind: "seen", id: "M2", cost: 3, text: "Hi Ada" };
    expect(next(after(TEXT, { kind: "stop" }), seen)).toMatchObject({
      stage: { kind: "paid", cost: 3 },
      text: "Hi Ada",
    });
    expect(next(after({ kind: "cut" }), seen).stage).toEqual({ kind: "paid", cost: 3 });
  });

  it("says what it costs and what there is, after a 402", () => {
    const { stage } = after(problem(402, "insufficient_tokens", { cost: 5, balance: 2 }));
    expect(stage).toMatchObject({ refusal: { cost: 5, balance: 2, code: "insufficient_tokens" } });
  });

  it("says what is wrong with its field", () => {
    const { stage } = after(problem(400, "invalid", { errors: { model: ["There is no such model."] } }));
    expect(stage).toMatchObject({ refusal: { sentence: "There is no such model." } });
  });
});

describe("a message that a reload found", () => {
  it("is asked for by nobody but the person", () => {
    const reply = found(SENT, null, null, NOW + HOUR_MS);
    expect(reply.stage.kind).toBe("found");
    expect(isReading(reply)).toBe(false);
    expect(isOpen(reply)).toBe(true);
  });

  it("is still refused if it was", () => {
    const refusal = { code: "throttled", sentence: "Wait.", cost: null, balance: null, retryAfterSeconds: 1 };
    expect(found(SENT, null, refusal, NOW + 30 * HOUR_MS).stage).toEqual({ kind: "refused", refusal });
  });

  it("is given up after 23 hours, before the server forgets its key", () => {
    expect(found(SENT, null, null, NOW + 22.9 * HOUR_MS).stage.kind).toBe("found");
    expect(found(SENT, null, null, NOW + 23 * HOUR_MS).stage).toEqual({ kind: "lost", reason: "too-old" });
    expect(aged(after({ kind: "cut" }), NOW + 23 * HOUR_MS).stage).toEqual({ kind: "lost", reason: "too-old" });
    expect(aged(after(TEXT), NOW + 23 * HOUR_MS).stage.kind).toBe("writing");
  });

  it("is found in the conversation by its id, if that is known", () => {
    const reply = found(SENT, "M2", null, NOW);
    expect(storedOf(reply, [{ id: "M3", message: "Hello", tokens: 1 }])).toBeUndefined();
    expect(storedOf(reply, [{ id: "M2", message: "Hello", tokens: 1 }])?.id).toBe("M2");
  });

  it("is else the first with its text after all that was known", () => {
    const reply = found(SENT, null, null, NOW);
    const stored = ["M4", "M3", "M1", "M0"].map((id) => ({ id, message: "Hello", tokens: 1 }));
    expect(storedOf(reply, stored)?.id).toBe("M3");
    expect(storedOf(reply, stored.slice(2))).toBeUndefined();
    expect(storedOf(reply, [{ id: "M9", message: "Other", tokens: 1 }])).toBeUndefined();
  });
});
