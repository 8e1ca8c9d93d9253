import { expect, test } from "vitest";
import { ApiProblem, Unreachable } from "../../api/problem.ts";
import { redeem } from "./redeem.ts";

const problem = (status: number, code: string) => new ApiProblem(new Response(null, { status }), { code });
const lost = new Unreachable(null);

/** Answers one after the other. */
function answers(...list: Array<Error | number>) {
  return async () => {
    const next = list.shift();
    if (typeof next !== "number") throw next;
    return { tokens: next };
  };
}

test("a code is redeemed with one request", async () => {
  expect(await redeem("CODE", new Set(), answers(300), [])).toEqual({ balance: 300 });
});

test("a lost answer is asked for again, and a code that was redeemed before it is a success", async () => {
  expect(await redeem("CODE", new Set(), answers(lost, 300), [0])).toEqual({ balance: 300 });
  const unanswered = new Set<string>();
  const again = answers(problem(503, "unavailable"), problem(409, "already_redeemed"));
  expect(await redeem("CODE", unanswered, again, [0])).toEqual({ balance: null });
  expect(unanswered.size).toBe(0);
});

test("a code whose outcome stays unknown is a success if the next try finds it redeemed", async () => {
  const unanswered = new Set<string>();
  await expect(redeem("CODE", unanswered, answers(lost), [])).rejects.toBe(lost);
  expect(await redeem("CODE", unanswered, answers(problem(409, "already_redeemed")), [])).toEqual({ balance: null });
});

test("a code that was redeemed before, and not by a lost request, is refused", async () => {
  const unanswered = new Set(["OTHER"]);
  const refusal = problem(409, "already_redeemed");
  await expect(redeem("CODE", unanswered, answers(refusal), [0])).rejects.toBe(refusal);
});

test("a refusal is final, and so is the stop of the whole service", async () => {
  for (const refusal of [problem(404, "voucher_not_found"), problem(503, "not_accepting"), problem(429, "throttled")]) {
    await expect(redeem("CODE", new Set(), answers(refusal, 300), [0])).rejects.toBe(refusal);
  }
});
