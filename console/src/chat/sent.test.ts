import { describe, expect, it } from "vitest";
import { bytesLeft, fits } from "./message_size.ts";
import { bodyOf, newSent, sentAgain } from "./sent.ts";

const NOW = 1_800_000_000_000;
const ASKED = { message: "Hello", model: "dummy", conversation: "C" };
const SENT = newSent(ASKED, "ada", null, NOW);

describe("a message that is sent again", () => {
  it("keeps its key while nothing of it is changed", () => {
    expect(sentAgain(SENT, { ...ASKED }, NOW + 1)).toBe(SENT);
  });

  it("has a new key after any change", () => {
    for (const change of [{ message: "Hello!" }, { model: "other" }, { model: null }, { conversation: "D" }]) {
      const again = sentAgain(SENT, { ...ASKED, ...change }, NOW + 1);
      expect(again.key).not.toBe(SENT.key);
      expect(again).toMatchObject({ ...ASKED, ...change, userId: "ada", sentAt: NOW + 1 });
    }
  });

  it("has a new key after 23 hours", () => {
    expect(sentAgain(SENT, ASKED, NOW + 23 * 3_600_000).key).not.toBe(SENT.key);
  });
});

describe("the body of a message", () => {
  it("names the model only where one was chosen", () => {
    expect(JSON.parse(bodyOf(ASKED))).toEqual(ASKED);
    expect(JSON.parse(bodyOf({ ...ASKED, model: null }))).toEqual({ message: "Hello", conversation: "C" });
  });

  it("may have 64 KiB, with the signs of JSON", () => {
    const asked = { ...ASKED, conversation: "0".repeat(26) };
    const longest = "a".repeat(64 * 1024 - bodyOf({ ...asked, message: "" }).length);
    expect(bodyOf({ ...asked, message: longest }).length).toBe(64 * 1024);
    expect(fits({ ...asked, message: longest })).toBe(true);
    expect(fits({ ...asked, message: `${longest}a` })).toBe(false);
    expect(fits({ ...asked, message: longest.replace("a", '"') })).toBe(false);
    expect(fits({ ...asked, message: "é".repeat(33_000) })).toBe(false);
    expect(bytesLeft({ ...asked, message: "" })).toBeGreaterThan(65_000);
  });
});
