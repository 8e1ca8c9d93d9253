import { expect, test } from "vitest";
import { askForPassword, passwordWanted, settlePassword } from "./password_request.ts";

test("all requests that wait for one reason share a question", async () => {
  const answers = [askForPassword("expired"), askForPassword("expired")];
  settlePassword(true);
  expect(await Promise.all(answers)).toEqual([true, true]);
  expect(passwordWanted.value).toBeNull();
});

test("to refuse the password for an act does not sign out those who wait for a session", async () => {
  const act = askForPassword("recent");
  const read = askForPassword("expired");
  expect(passwordWanted.value).toBe("expired");
  settlePassword(false, "recent");
  expect(await act).toBe(false);
  expect(passwordWanted.value).toBe("expired");
  settlePassword(true, "expired");
  expect(await read).toBe(true);
});

test("the question of an act is shown when the session goes on", () => {
  void askForPassword("recent");
  void askForPassword("expired");
  settlePassword(true, "expired");
  expect(passwordWanted.value).toBe("recent");
  settlePassword(false);
});
