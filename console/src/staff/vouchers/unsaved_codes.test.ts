import { expect, test } from "vitest";
import { codesAreSaved, keepCodes, unsavedCodes } from "./unsaved_codes.ts";

function isAskedBeforeClosing(): boolean {
  const closing = new Event("beforeunload", { cancelable: true });
  dispatchEvent(closing);
  return closing.defaultPrevented;
}

test("codes stay until they are saved, and so long the browser asks before the tab is closed", () => {
  expect(isAskedBeforeClosing()).toBe(false);
  keepCodes({ id: "1", codes: ["A"] });
  keepCodes({ id: "2", codes: ["B"] });
  expect(unsavedCodes.value.map(({ id }) => id)).toEqual(["2", "1"]);
  codesAreSaved("2");
  expect(isAskedBeforeClosing()).toBe(true);
  codesAreSaved("1");
  expect(unsavedCodes.value).toEqual([]);
  expect(isAskedBeforeClosing()).toBe(false);
});
