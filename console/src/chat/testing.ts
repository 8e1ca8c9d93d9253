/** Fixtures of several tests of the chat. */

import { vi } from "vitest";

/** A store of the tab that has what it had, and no room for more, until `vi.unstubAllGlobals()`. */
export function fillStore(): void {
  const full = new Proxy(sessionStorage, {
    get(store, name) {
      if (name === "setItem") return refuse;
      const member = Reflect.get(store, name);
      return typeof member === "function" ? member.bind(store) : member;
    },
  });
  vi.stubGlobal("sessionStorage", full);
}

function refuse(): never {
  throw new DOMException("There is no room.", "QuotaExceededError");
}
