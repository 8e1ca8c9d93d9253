import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiProblem } from "../api/problem.ts";
import type { ReplyEvent } from "./reply_state.ts";
import type { Sent } from "./sent.ts";
import { fillStore } from "./testing.ts";

const readReply = vi.fn<(sent: Sent, signal: AbortSignal, tell: (event: ReplyEvent) => void) => Promise<void>>();
const readNewest = vi.fn<(conversation: string) => Promise<object[]>>();

vi.mock("./reply_stream.ts", () => ({ readReply }));
vi.mock("./messages.ts", () => ({ readNewest, newestKnown: () => "M1", messagesQuery: () => ({ queryKey: [] }) }));
vi.mock("../api/queries.ts", () => ({
  balanceHasChanged: () => {},
  queryClient: { invalidateQueries: async () => {} },
}));
vi.mock("../session/session.ts", () => ({
  onSignedOut: () => {},
  session: { peek: () => ({ kind: "signed-in", userId: "ada" }) },
}));

const ASKED = { message: "Hello", model: "dummy", conversation: "C" };
const STORED = { id: "M2", message: "Hello", response: "Hi", tokens: 3 };
const HALF_AN_HOUR_MS = 30 * 60_000;

/** The modules as a page that was just opened has them. */
async function openedPage() {
  vi.resetModules();
  const { askAgain, dismiss, resume, send, stop } = await import("./replies.ts");
  const { replyIn } = await import("./reply_signals.ts");
  const { NotSent } = await import("../api/problem.ts");
  return { NotSent, askAgain, dismiss, resume, send, stop, reply: () => replyIn("C").value };
}

/** A request that says `events` and then nothing, until it is stopped. */
function says(...events: ReplyEvent[]): void {
  readReply.mockImplementationOnce((_, signal, tell) => {
    for (const event of events) tell(event);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(new DOMException("", "AbortError"))),
    );
  });
}

/** A request that ends after `events`. */
function ends(...events: ReplyEvent[]): void {
  readReply.mockImplementationOnce(async (_, __, tell) => {
    for (const event of events) tell(event);
    tell({ kind: "cut" });
  });
}

const keysSent = () => readReply.mock.calls.map(([sent]) => sent.key);
const isKept = () => Object.keys(sessionStorage).some((key) => key.endsWith("sent C"));

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  readReply.mockReset();
  readNewest.mockReset().mockResolvedValue([]);
});
afterEach(() => vi.useRealTimers());

describe("a message", () => {
  it("is kept before it is sent, until it is paid and in its conversation", async () => {
    const { send, reply } = await openedPage();
    readNewest.mockResolvedValue([STORED]);
    let wasKept = false;
    readReply.mockImplementationOnce(async (_, __, tell) => {
      wasKept = isKept();
      tell({ kind: "text", text: "Hi" });
      tell({ kind: "paid", id: "M2", cost: 3 });
    });
    send(ASKED);
    await vi.advanceTimersByTimeAsync(1000);
    expect(wasKept).toBe(true);
    expect(isKept()).toBe(false);
    expect(reply()).toBeNull();
  });

  it("is never sent again by the page itself after a stop, and its reply is found by reading", async () => {
    const { send, stop, reply } = await openedPage();
    says({ kind: "opened", id: "M2", isReplayed: false }, { kind: "text", text: "H" });
    send(ASKED);
    await vi.advanceTimersByTimeAsync(1000);
    stop("C");
    await vi.advanceTimersByTimeAsync(HALF_AN_HOUR_MS);
    expect(reply()?.stage.kind).toBe("stopped");
    expect(readReply).toHaveBeenCalledTimes(1);
    expect(readNewest.mock.calls.length).toBeGreaterThan(10);
  });

  it("is taken for paid once the conversation has it", async () => {
    const { send, stop, reply } = await openedPage();
    says({ kind: "opened", id: "M2", isReplayed: false });
    send(ASKED);
    stop("C");
    readNewest.mockResolvedValue([STORED]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(reply()).toBeNull();
    expect(isKept()).toBe(false);
  });

  it("is never sent by a page that was loaded again, but with the same key when the person asks for the reply", async () => {
    const before = await openedPage();
    says({ kind: "opened", id: "M2", isReplayed: false });
    before.send(ASKED);
    await vi.advanceTimersByTimeAsync(1000);
    const after = await openedPage();
    after.resume("C");
    await vi.advanceTimersByTimeAsync(HALF_AN_HOUR_MS);
    expect(readReply).toHaveBeenCalledTimes(1);
    const found = after.reply();
    expect(found?.stage.kind).toBe("found");
    says();
    if (found !== null) after.askAgain(found, "another model");
    expect(readReply).toHaveBeenCalledTimes(2);
    expect(new Set(keysSent()).size).toBe(1);
    expect(readReply.mock.lastCall?.[0]).toMatchObject(ASKED);
  });

  it("is asked for again with the same key while the first request is answered", async () => {
    const { send } = await openedPage();
    const busy = new ApiProblem(new Response(null, { status: 409, headers: { "Retry-After": "5" } }), {
      code: "in_progress",
    });
    ends({ kind: "problem", problem: busy, now: Date.now() });
    says();
    send(ASKED);
    await vi.advanceTimersByTimeAsync(4900);
    expect(readReply).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(readReply).toHaveBeenCalledTimes(2);
    expect(new Set(keysSent()).size).toBe(1);
  });

  it("has a new key after a refusal only if the model is another", async () => {
    const { send, askAgain, reply } = await openedPage();
    const refusal = new ApiProblem(new Response(null, { status: 429 }), { code: "throttled" });
    for (let request = 0; request < 3; request += 1) ends({ kind: "problem", problem: refusal, now: 0 });
    send(ASKED);
    for (const model of ["dummy", "another"]) {
      await vi.advanceTimersByTimeAsync(100);
      const refused = reply();
      if (refused !== null) askAgain(refused, model);
    }
    const [first, second, third] = keysSent();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it("has a new key where it was charged and the reply is lost", async () => {
    const { send, askAgain, reply } = await openedPage();
    const gone = new ApiProblem(new Response(null, { status: 409 }), { code: "answer_gone" });
    ends({ kind: "problem", problem: gone, now: 0 });
    says();
    send(ASKED);
    await vi.advanceTimersByTimeAsync(100);
    const lost = reply();
    if (lost !== null) askAgain(lost, "dummy");
    expect(new Set(keysSent()).size).toBe(2);
  });

  it("hears no words of a request that was stopped", async () => {
    const { send, stop, askAgain, reply } = await openedPage();
    let late: (event: ReplyEvent) => void = () => {};
    readReply.mockImplementationOnce((_, __, tell) => {
      late = tell;
      tell({ kind: "text", text: "old" });
      return new Promise(() => {});
    });
    says({ kind: "text", text: "new" });
    send(ASKED);
    stop("C");
    const stopped = reply();
    if (stopped !== null) askAgain(stopped, "dummy");
    late({ kind: "text", text: "older" });
    late({ kind: "cut" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(reply()?.text).toBe("new");
  });

  it("was not charged where it could not be sent, and keeps its key", async () => {
    const { NotSent, send, askAgain, reply } = await openedPage();
    readReply.mockRejectedValueOnce(new NotSent(null));
    says();
    send(ASKED);
    await vi.advanceTimersByTimeAsync(100);
    const refused = reply();
    expect(refused?.stage.kind).toBe("refused");
    if (refused !== null) askAgain(refused, "dummy");
    expect(new Set(keysSent()).size).toBe(1);
  });

  it("may have been charged where the repetition could not be sent", async () => {
    const { NotSent, send, askAgain, reply } = await openedPage();
    ends();
    readReply.mockRejectedValueOnce(new NotSent(null));
    send(ASKED);
    await vi.advanceTimersByTimeAsync(100);
    const cut = reply();
    if (cut !== null) askAgain(cut, "dummy");
    await vi.advanceTimersByTimeAsync(100);
    expect(readReply).toHaveBeenCalledTimes(2);
    expect(reply()?.stage.kind).toBe("unknown");
  });

  it("is not sent where the browser has no room to keep it", async () => {
    const { send, reply } = await openedPage();
    fillStore();
    expect(() => send(ASKED)).toThrow("keeps nothing more");
    vi.unstubAllGlobals();
    expect(readReply).not.toHaveBeenCalled();
    expect(reply()).toBeNull();
  });

  it("says so where there is no room for another try, and offers it again", async () => {
    const { send, askAgain, reply } = await openedPage();
    ends({ kind: "problem", problem: new ApiProblem(new Response(null, { status: 429 }), {}), now: 0 });
    send(ASKED);
    await vi.advanceTimersByTimeAsync(100);
    fillStore();
    const refused = reply();
    if (refused !== null) askAgain(refused, "another");
    vi.unstubAllGlobals();
    expect(readReply).toHaveBeenCalledTimes(1);
    expect(reply()?.stage).toMatchObject({ kind: "refused", refusal: { code: "not_sent" } });
  });

  it("is forgotten when it is dismissed", async () => {
    const { send, dismiss, reply } = await openedPage();
    ends();
    send(ASKED);
    await vi.advanceTimersByTimeAsync(100);
    dismiss("C");
    await vi.advanceTimersByTimeAsync(HALF_AN_HOUR_MS);
    expect(reply()).toBeNull();
    expect(isKept()).toBe(false);
    expect(readNewest).not.toHaveBeenCalled();
  });
});
