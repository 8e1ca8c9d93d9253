import { beforeEach, describe, expect, it, vi } from "vitest";
import { asking, next } from "./reply_state.ts";
import { newSent } from "./sent.ts";
import { checkRoom, drop, keep, keptIn } from "./sent_store.ts";
import { fillStore } from "./testing.ts";

const NOW = 1_800_000_000_000;
const SENT = newSent({ message: "Hello", model: "dummy", conversation: "C" }, "ada", "M1", NOW);

describe("what the store keeps of a message", () => {
  beforeEach(() => sessionStorage.clear());

  it("is all that a repetition needs, word for word", () => {
    keep(asking(SENT));
    expect(keptIn("C", "ada", NOW)).toMatchObject({ sent: SENT, stage: { kind: "found" } });
    expect(keptIn("D", "ada", NOW)).toBeNull();
  });

  it("is nobody else's", () => {
    keep(asking(SENT));
    expect(keptIn("C", "eve", NOW)).toBeNull();
  });

  it("has the id that the server gave it", () => {
    keep(next(asking(SENT), { kind: "opened", id: "M2", isReplayed: false }));
    expect(keptIn("C", "ada", NOW)?.id).toBe("M2");
  });

  it("is nothing where another release wrote it", () => {
    keep(asking(SENT));
    const key = Object.keys(sessionStorage)[0] ?? "";
    for (const record of ["no JSON", "null", "{}", '{"sent":{}}']) {
      sessionStorage.setItem(key, record);
      expect(keptIn("C", "ada", NOW)).toBeNull();
    }
  });

  it("has room for a message, or says so before anything is made for it", () => {
    checkRoom("Hello");
    expect(sessionStorage.length).toBe(0);
    fillStore();
    expect(() => checkRoom("Hello")).toThrow("keeps nothing more");
    vi.unstubAllGlobals();
  });

  it("goes when it is settled, or dropped", () => {
    keep(asking(SENT));
    keep(next(asking(SENT), { kind: "paid", id: "M2", cost: 1 }));
    expect(keptIn("C", "ada", NOW)).toBeNull();
    keep(asking(SENT));
    drop("C");
    expect(keptIn("C", "ada", NOW)).toBeNull();
  });
});
