import { expect, test } from "vitest";
import { ApiProblem, NotSent, Unreachable } from "../api/problem.ts";
import { keptDraft } from "../parts/drafts.ts";
import { isRefusal, useKeptAct } from "./kept_act.ts";

const problem = (status: number) => new ApiProblem(new Response(null, { status }), {});

test("only an answer below 500, or none sent, says that nothing was done", () => {
  expect([problem(403), problem(429), new NotSent(null)].map(isRefusal)).toEqual([true, true, true]);
  expect([problem(500), problem(503), new Unreachable(null)].map(isRefusal)).toEqual([false, false, false]);
});

test("an act is in the store while it is under way, and after an answer that was lost", async () => {
  const { send } = useKeptAct<{ key: string }>("lost");
  const lost = send({ key: "k" }, async () => {
    expect(keptDraft("lost")).toBe('{"key":"k"}');
    throw new Unreachable(null);
  });
  await expect(lost).rejects.toBeInstanceOf(Unreachable);
  expect(useKeptAct("lost")).toMatchObject({ kept: { key: "k" }, isUnderWay: false });
  await useKeptAct("lost").send({ key: "k" }, async () => "done");
  expect(useKeptAct("lost").kept).toBeNull();
  expect(keptDraft("lost")).toBe("");
});

test("a page that is opened while an act is under way has that act, and sends no other", async () => {
  let answer: (done: string) => void = () => {};
  const first = useKeptAct<{ key: string }>("slow").send(
    { key: "k" },
    () => new Promise((resolve) => (answer = resolve)),
  );
  const later = useKeptAct<{ key: string }>("slow");
  expect(later).toMatchObject({ kept: { key: "k" }, isUnderWay: true });
  await expect(later.send({ key: "other" }, async () => "twice")).rejects.toThrow("no answer yet");
  answer("done");
  expect(await first).toBe("done");
  expect(useKeptAct("slow")).toMatchObject({ kept: null, isUnderWay: false });
});

test("an act that was refused is not kept", async () => {
  const { send } = useKeptAct("refused");
  const refused = send({ key: "k" }, async () => {
    throw problem(409);
  });
  await expect(refused).rejects.toBeInstanceOf(ApiProblem);
  expect(useKeptAct("refused").kept).toBeNull();
});
