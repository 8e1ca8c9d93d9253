/** The deletion of the person's own account. */

import { addressOf } from "../../api/base.ts";
import { isProblem, problemOf } from "../../api/problem.ts";
import { repeatDeletion } from "../../parts/repeated_deletion.ts";
import { fetchByOneToken } from "../../session/session.ts";

/** Codes of a token whose account is gone. A 401 with another code is about the password, and the account is still there. */
const CODES_OF_NO_ACCOUNT = ["token_not_valid", "not_authenticated", "user_inactive"];

type Send = (request: Request) => Promise<Response>;

/** Deletes the account. The access token that began a deletion goes on opening it, and nothing else. */
export async function deleteAccount(password: string): Promise<void> {
  await deleteBy(await fetchByOneToken(), password);
}

export async function deleteBy(
  send: Send,
  password: string,
  pause?: (milliseconds: number) => Promise<void>,
): Promise<void> {
  const isGone = (error: unknown) => CODES_OF_NO_ACCOUNT.some((code) => isProblem(error, code));
  await repeatDeletion(() => requestDeletion(send, password), isGone, pause);
}

async function requestDeletion(send: Send, password: string): Promise<void> {
  const request = new Request(addressOf("account/"), {
    method: "DELETE",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ password }),
  });
  const answer = await send(request);
  if (!answer.ok) throw await problemOf(answer);
}
