import { describe, expect, it } from "vitest";
import { announcementOf } from "./announcements.ts";
import { asking, type Reply, type Stage } from "./reply_state.ts";
import { wordsOf } from "./reply_words.ts";
import { newSent } from "./sent.ts";

const REPLY = asking(newSent({ message: "Hello", model: null, conversation: "C" }, "ada", null, 0));
const at = (stage: Stage, more: Partial<Reply> = {}): Reply => ({ ...REPLY, stage, ...more });
const refused = (code: string, more: object = {}): Stage => ({
  kind: "refused",
  refusal: {
    code,
    sentence: "The sentence of the server.",
    cost: null,
    balance: null,
    retryAfterSeconds: null,
    ...more,
  },
});

describe("the words about a reply", () => {
  it("are none while it is written, and none after", () => {
    for (const kind of ["asking", "writing"] as const) expect(wordsOf(at({ kind }))).toBeNull();
    expect(wordsOf(at({ kind: "paid", cost: 1 }))).toBeNull();
  });

  it("offer the same key, and no edit, while it may have been charged", () => {
    const open: Stage[] = [{ kind: "stopped" }, { kind: "found" }, { kind: "unknown", sentence: "It broke." }];
    for (const stage of open) expect(wordsOf(at(stage))?.acts).toEqual(["get", "dismiss"]);
  });

  it("say after a 402 what it costs, what there is, and what to do", () => {
    const words = wordsOf(at(refused("insufficient_tokens", { cost: 5, balance: 2 })));
    expect(words?.sentences[0]).toBe(
      "The message costs at least 5 credits, and you can spend 2 credits. Nothing was charged.",
    );
    expect(words?.acts).toContain("voucher");
    expect(words?.acts).toContain("edit");
  });

  it("say how long to wait", () => {
    expect(wordsOf(at(refused("unavailable", { retryAfterSeconds: 1 })))?.sentences).toContain(
      "Try again in a second.",
    );
  });

  it("say that words which were read were not charged", () => {
    expect(wordsOf(at(refused("unavailable"), { text: "Hi" }))?.sentences).toContain("What is above was not charged.");
  });

  it("say that to ask again costs again, where it was charged", () => {
    for (const reason of ["broke-off", "gone", "too-old"] as const) {
      const words = wordsOf(at({ kind: "lost", reason }));
      expect(words?.sentences.join(" ")).toContain("costs again");
      expect(words?.acts[0]).toBe("ask-anew");
    }
  });
});

describe("what a screen reader hears", () => {
  it("is the begin and the end, with the words of a short reply", () => {
    expect(announcementOf(at({ kind: "writing" }))).toBe("The reply is being written.");
    expect(announcementOf(at({ kind: "paid", cost: 1 }, { text: "Hi" }))).toBe(
      "The reply is complete, for 1 credit. Hi",
    );
    expect(announcementOf(at({ kind: "paid", cost: 2 }, { text: "a".repeat(301) }))).toBe(
      "The reply is complete, for 2 credits.",
    );
  });
});
