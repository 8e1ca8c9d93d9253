import { describe, expect, it, test } from "vitest";
import { ApiProblem, Cancelled, NotSent, outcomeIsUnknown, SignedOut, Unreachable } from "./problem.ts";

const problem = (status: number, code = "error") => new ApiProblem(new Response(null, { status }), { code });

describe("the outcome of a request", () => {
  it.each([
    ["a lost answer", new Unreachable(new TypeError("Failed to fetch"))],
    ["a request that was given up", new DOMException("Stopped.", "AbortError")],
    ["a fault of the server", problem(500)],
    ["a gateway that waited in vain", problem(504)],
    ["a gateway that lost the function", problem(502)],
    ["a charge that could not be found out", problem(503, "outcome_unknown")],
    ["a write that timed out", problem(503, "unavailable")],
  ])("is unknown after %s", (_, error) => {
    expect(outcomeIsUnknown(error)).toBe(true);
  });

  it.each([
    ["a refusal", problem(400, "invalid")],
    ["a limit", problem(429, "throttled")],
    ["a model without a reply", problem(502, "model_failed")],
    ["a stop of messages", problem(503, "not_accepting")],
    ["a request that was not sent", new NotSent(new Unreachable(null))],
    ["a session that is over", new SignedOut()],
    ["a password that was not given", new Cancelled()],
    ["an error of the page's own", new Error("Choose fewer days.")],
  ])("is known after %s", (_, error) => {
    expect(outcomeIsUnknown(error)).toBe(false);
  });
});

test("a request that was not sent says why", () => {
  expect(new NotSent(new Unreachable(null)).message).toBe("There is no connection to the server. Nothing was sent.");
});

test("a server that is late is not called a lost connection", () => {
  expect(new Unreachable(new DOMException("", "TimeoutError")).message).toBe("The server did not answer in time.");
});
