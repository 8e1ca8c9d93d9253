import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tabStore } from "./store.ts";

beforeEach(() => sessionStorage.clear());
afterEach(() => {
  tabStore.removeAll("");
  vi.unstubAllGlobals();
});

/** A store with room for values of up to ten characters. */
function smallStorage(): Storage {
  const values: Record<string, string> = {};
  const methods = {
    getItem: (key: string) => values[key] ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > 10) throw new DOMException("", "QuotaExceededError");
      values[key] = value;
    },
    removeItem: (key: string) => delete values[key],
  };
  return new Proxy(methods, { ownKeys: () => Object.keys(values) }) as unknown as Storage;
}

test("a value is kept by the browser", () => {
  expect(tabStore.set("place", "text")).toBe(true);
  expect(sessionStorage.getItem("place")).toBe("text");
  expect(tabStore.get("place")).toBe("text");
});

test("a page of a browser that blocks its stores works, and keeps nothing", () => {
  vi.stubGlobal("sessionStorage", undefined);
  expect(tabStore.get("place")).toBeNull();
  expect(tabStore.set("place", "text")).toBe(false);
  expect(tabStore.get("place")).toBe("text");
  tabStore.removeAll("pl");
  expect(tabStore.get("place")).toBeNull();
});

test("a value that is too long for the store is there until a reload, and an older one does not come back", () => {
  vi.stubGlobal("sessionStorage", smallStorage());
  expect(tabStore.set("place", "short")).toBe(true);
  expect(tabStore.set("place", "longer than ten")).toBe(false);
  expect(tabStore.get("place")).toBe("longer than ten");
  expect(sessionStorage.getItem("place")).toBeNull();
  expect(tabStore.set("place", "short")).toBe(true);
  expect(tabStore.get("place")).toBe("short");
});

test("only values with the prefix are removed", () => {
  tabStore.set("draft a", "1");
  tabStore.set("draft b", "2");
  tabStore.set("theme", "dark");
  tabStore.removeAll("draft ");
  expect([tabStore.get("draft a"), tabStore.get("draft b"), tabStore.get("theme")]).toEqual([null, null, "dark"]);
});
