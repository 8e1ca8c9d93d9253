import { beforeEach, expect, test, vi } from "vitest";
import { api } from "../api/client.ts";
import { Unreachable } from "../api/problem.ts";
import { keepDraft, keptDraft } from "../parts/drafts.ts";
import { begin, begun, isBeginning, NEW_DRAFT } from "./beginning.ts";
import { fillStore } from "./testing.ts";

const send = vi.hoisted(() => vi.fn());
vi.mock("./replies.ts", () => ({ send }));

const make = vi.spyOn(api, "POST");
const made = { data: { id: "C", title: "Hello", created_at: "" }, response: new Response() };

beforeEach(() => {
  send.mockReset();
  make.mockReset();
  keepDraft(NEW_DRAFT, "Hello");
});

test("the draft of a first message goes when it is sent, wherever the person is then", async () => {
  make.mockImplementationOnce(async () => {
    expect(isBeginning.value).toBe(true);
    return made as never;
  });
  const before = begun.value;
  expect(await begin("Hello", "dummy")).toBe("C");
  expect(send).toHaveBeenCalledWith({ message: "Hello", model: "dummy", conversation: "C" });
  expect(keptDraft(NEW_DRAFT)).toBe("");
  expect(isBeginning.value).toBe(false);
  expect(begun.value).toBe(before + 1);
});

test("the draft stays where no conversation could be made", async () => {
  make.mockRejectedValueOnce(new Unreachable(null));
  await expect(begin("Hello", "dummy")).rejects.toBeInstanceOf(Unreachable);
  expect(send).not.toHaveBeenCalled();
  expect(keptDraft(NEW_DRAFT)).toBe("Hello");
  expect(isBeginning.value).toBe(false);
});

test("no conversation is made for a message that the browser could not keep", async () => {
  fillStore();
  await expect(begin("Hello", "dummy")).rejects.toThrow("keeps nothing more");
  vi.unstubAllGlobals();
  expect(make).not.toHaveBeenCalled();
});
