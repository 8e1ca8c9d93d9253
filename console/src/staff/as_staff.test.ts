import { expect, test, vi } from "vitest";
import { ApiProblem } from "../api/problem.ts";
import { queryClient } from "../api/queries.ts";
import { act, asStaff, filled } from "./as_staff.ts";

function problem(status: number, code: string): ApiProblem {
  return new ApiProblem(new Response(null, { status }), { code });
}

async function keysReadAgain(call: () => Promise<unknown>): Promise<unknown[]> {
  const invalidated = vi.spyOn(queryClient, "invalidateQueries").mockResolvedValue();
  await call().catch(() => {});
  const keys = invalidated.mock.calls.map(([filters]) => filters?.queryKey?.[0]);
  invalidated.mockRestore();
  return keys;
}

test("a 404 reads the account again, since whoever is no longer staff gets one everywhere", async () => {
  const refused = (status: number, code: string) => () => asStaff(() => Promise.reject(problem(status, code)));
  expect(await keysReadAgain(refused(404, "not_found"))).toEqual(["account"]);
  expect(await keysReadAgain(refused(409, "last_superuser"))).toEqual([]);
});

test("an act makes what staff have read out of date, also where its outcome is not known", async () => {
  expect(await keysReadAgain(() => act(async () => "done"))).toEqual(["balance", "staff"]);
  expect(await keysReadAgain(() => act(() => Promise.reject(problem(503, "unavailable"))))).toEqual([
    "balance",
    "staff",
  ]);
});

test("an act is over when what it made out of date was read again, or takes too long", async () => {
  vi.useFakeTimers();
  let read: () => void = () => {};
  const invalidated = vi.spyOn(queryClient, "invalidateQueries");
  const whileReading = async () => {
    invalidated.mockImplementation(() => new Promise((resolve) => (read = resolve)));
    let isOver = false;
    void act(async () => "done").then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(100);
    expect(isOver).toBe(false);
    return () => isOver;
  };
  const first = await whileReading();
  read();
  await vi.advanceTimersByTimeAsync(0);
  expect(first()).toBe(true);
  const second = await whileReading();
  await vi.advanceTimersByTimeAsync(5000);
  expect(second()).toBe(true);
  invalidated.mockRestore();
  vi.useRealTimers();
});

test("a blank condition is none", () => {
  expect(filled({ search: "ad", status: "" })).toEqual({ search: "ad" });
});
