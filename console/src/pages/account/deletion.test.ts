import { expect, test } from "vitest";
import { Unreachable } from "../../api/problem.ts";
import { deleteBy } from "./deletion.ts";

const at = (status: number, code = "", headers = {}) =>
  status === 204 ? new Response(null, { status }) : Response.json({ code }, { status, headers });

/** Answers one after the other, and the pauses between them. */
function server(...answers: Array<Response | Error>) {
  const pauses: number[] = [];
  const send = async () => {
    const answer = answers.shift();
    if (answer instanceof Response) return answer;
    throw answer;
  };
  const pause = async (milliseconds: number) => void pauses.push(milliseconds);
  return { send, pause, pauses };
}

test("a deletion is repeated until nothing is left, after the pauses that the server wants", async () => {
  const { send, pause, pauses } = server(at(503, "unavailable", { "Retry-After": "3" }), at(504, "error"), at(204));
  await deleteBy(send, "secret", pause);
  expect(pauses).toEqual([3000, 1000]);
});

test("a refusal is final: a wrong password, or the last superuser", async () => {
  for (const [status, code] of [
    [401, "invalid_credentials"],
    [409, "last_superuser"],
  ] as const) {
    const { send, pause } = server(at(status, code));
    await expect(deleteBy(send, "secret", pause)).rejects.toMatchObject({ code });
  }
});

test("an account that is gone after a lost answer was deleted", async () => {
  for (const code of ["token_not_valid", "not_authenticated", "user_inactive"]) {
    const { send, pause } = server(new Unreachable(null), at(401, code));
    await deleteBy(send, "secret", pause);
  }
});

test("a wrong password is refused also after a lost answer: nothing was deleted", async () => {
  for (const first of [new Unreachable(null), at(503, "unavailable")]) {
    const { send, pause } = server(first, at(401, "invalid_credentials"));
    await expect(deleteBy(send, "typo", pause)).rejects.toMatchObject({ code: "invalid_credentials" });
  }
});

test("a token that is refused at the first request deleted nothing", async () => {
  const { send, pause } = server(at(401, "token_not_valid"));
  await expect(deleteBy(send, "secret", pause)).rejects.toMatchObject({ code: "token_not_valid" });
});

test("a server that never finishes is an error in the end", async () => {
  const { send, pause } = server(...Array.from({ length: 60 }, () => at(503, "unavailable")));
  await expect(deleteBy(send, "secret", pause)).rejects.toMatchObject({ status: 503 });
});
