/** The question for the password over a page. There is one for each reason, and all requests that wait for that reason share it. */

import { computed, signal } from "@preact/signals";

/** The session is over, or an act wants a login of the last minutes. */
export type PasswordReason = "expired" | "recent";

interface PasswordRequest {
  reason: PasswordReason;
  settle(isSignedIn: boolean): void;
  isSignedIn: Promise<boolean>;
}

const open = signal<PasswordRequest[]>([]);

/** The question that is shown. A session that is over comes first, since no act can be done before its end is settled. */
export const passwordWanted = computed<PasswordReason | null>(
  () => (open.value.find(({ reason }) => reason === "expired") ?? open.value[0])?.reason ?? null,
);

/** Asks for the password, and tells whether the person has signed in. */
export function askForPassword(reason: PasswordReason): Promise<boolean> {
  const asked = open.peek().find((request) => request.reason === reason);
  if (asked !== undefined) return asked.isSignedIn;
  const request = newRequest(reason);
  open.value = [...open.peek(), request];
  return request.isSignedIn;
}

/** Ends the questions: all of them, or the one of a reason. */
export function settlePassword(isSignedIn: boolean, reason?: PasswordReason): void {
  const isOf = (request: PasswordRequest) => reason === undefined || request.reason === reason;
  const before = open.peek();
  open.value = before.filter((request) => !isOf(request));
  for (const request of before.filter(isOf)) request.settle(isSignedIn);
}

function newRequest(reason: PasswordReason): PasswordRequest {
  let settle: (isSignedIn: boolean) => void = () => {};
  const isSignedIn = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  return { reason, settle, isSignedIn };
}
