import { describe, expect, it } from "vitest";
import { ApiProblem } from "../api/problem.ts";
import { isTooDear, quoteOfProblem, wordsOfQuote } from "./quote.ts";

describe("a quote", () => {
  it("is a range, or one number", () => {
    expect(wordsOfQuote({ least: 1, most: 1, isRough: false })).toBe("1 credit");
    expect(wordsOfQuote({ least: 1, most: 3, isRough: false })).toBe("1–3 credits");
    expect(wordsOfQuote({ least: 1, most: 1200, isRough: true })).toBe("about 1–1,200 credits");
  });

  it("is the least cost where the balance does not cover it, or says why the message would be refused", () => {
    const problem = (status: number, code: string, more: object = {}) =>
      new ApiProblem(new Response(null, { status }), { code, detail: `About ${code}.`, ...more });
    const tooDear = problem(402, "insufficient_tokens", { cost: 5, balance: 2 });
    expect(quoteOfProblem(tooDear)).toEqual({ least: 5, most: 5, isRough: false });
    expect(quoteOfProblem(problem(400, "context_length_exceeded"))).toBe("About context_length_exceeded.");
    expect(quoteOfProblem(problem(503, "not_accepting"))).toBe("About not_accepting.");
    expect(quoteOfProblem(problem(503, "unavailable"))).toBeNull();
    expect(quoteOfProblem(new Error("Aborted."))).toBeNull();
  });

  it("is too dear where the balance does not cover its least", () => {
    expect(isTooDear({ least: 2, most: 3, isRough: false }, 1)).toBe(true);
    expect(isTooDear({ least: 1, most: 3, isRough: false }, 1)).toBe(false);
    expect(isTooDear({ least: 1, most: 3, isRough: false }, undefined)).toBe(false);
  });
});
