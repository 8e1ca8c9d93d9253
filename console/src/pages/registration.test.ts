import { expect, test } from "vitest";
import { ApiProblem, Unreachable } from "../api/problem.ts";
import { LoginFailed, Registration } from "./registration.ts";

const ada = { username: "ada", password: "correct horse" };
const taken = new ApiProblem(new Response(null, { status: 409 }), { code: "username_taken" });
const refused = new ApiProblem(new Response(null, { status: 401 }), { code: "invalid_credentials" });
const lost = new Unreachable(null);

/** A server that gives these answers, in order: `null` is a success. */
function registration(posts: Array<Error | null>, logins: Array<Error | null>): Registration {
  const answer = (answers: Array<Error | null>) => async () => {
    const error = answers.shift();
    if (error === undefined) throw new Error("One request more than was expected.");
    if (error !== null) throw error;
  };
  return new Registration(answer(posts), answer(logins));
}

test("a registration is followed by a login", async () => {
  await registration([null], [null]).register(ada);
});

test("a name that somebody else has is refused, and no login is tried", async () => {
  await expect(registration([taken], []).register(ada)).rejects.toBe(taken);
});

test("a lost answer is no error if the account is there", async () => {
  await registration([lost], [null]).register(ada);
});

test("a lost answer is told if there is no account, and the retry registers it", async () => {
  const both = registration([lost, null], [refused, null]);
  await expect(both.register(ada)).rejects.toBe(lost);
  await both.register(ada);
});

test("a retry that finds its own name taken signs in", async () => {
  const both = registration([lost, taken], [lost, null]);
  await expect(both.register(ada)).rejects.toBe(lost);
  await both.register(ada);
});

test("a retry with another password does not sign in for a name that is taken", async () => {
  const both = registration([lost, taken], [lost]);
  await expect(both.register(ada)).rejects.toBe(lost);
  await expect(both.register({ ...ada, password: "another one" })).rejects.toBe(taken);
});

test("an account whose login failed is said to exist, and a retry signs in", async () => {
  const both = registration([null, taken], [lost, null]);
  await expect(both.register(ada)).rejects.toBeInstanceOf(LoginFailed);
  await both.register(ada);
});
