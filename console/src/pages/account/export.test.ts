import { expect, test } from "vitest";
import { Unreachable } from "../../api/problem.ts";
import { Export, lastLineOf } from "./export.ts";

const ACCOUNT = '{"type":"account","username":"ada"}\n';
const MESSAGE = '{"type":"message","message":"{\\"type\\":\\"page\\"}"}\n';
const FIRST = `${ACCOUNT}{"type":"page","next":"abc"}\n`;
const LAST = `${MESSAGE}{"type":"page","next":null}\n`;

/** An export of these answers, and the addresses that were asked. */
function exportOf(...answers: Array<string | Error>) {
  const asked: string[] = [];
  const read = new Export(async (address) => {
    asked.push(new URL(address).search);
    const answer = answers.shift();
    if (typeof answer !== "string") throw answer;
    return answer;
  });
  return { read, asked };
}

const unstopped = new AbortController().signal;
const textOf = (pages: Blob[]) => new Blob(pages).text();

test("all pages are put one after the other", async () => {
  const { read, asked } = exportOf(FIRST, LAST);
  const seen: number[] = [];
  const pages = await read.read(unstopped, ({ pages }) => seen.push(pages));
  expect(await textOf(pages)).toBe(FIRST + LAST);
  expect(asked).toEqual(["", "?cursor=abc"]);
  expect(seen).toEqual([1, 2]);
  expect(read.progress.bytes).toBe(FIRST.length + LAST.length);
});

test("a page that was cut on the way is asked for again, by the same cursor", async () => {
  const { read, asked } = exportOf(FIRST, MESSAGE, LAST.slice(0, -4), LAST);
  expect(await textOf(await read.read(unstopped, () => {}))).toBe(FIRST + LAST);
  expect(asked).toEqual(["", "?cursor=abc", "?cursor=abc", "?cursor=abc"]);
});

test("an export that failed goes on where it was", async () => {
  const lost = new Unreachable(null);
  const { read, asked } = exportOf(FIRST, lost, LAST);
  await expect(read.read(unstopped, () => {})).rejects.toBe(lost);
  expect(await textOf(await read.read(unstopped, () => {}))).toBe(FIRST + LAST);
  expect(asked).toEqual(["", "?cursor=abc", "?cursor=abc"]);
});

test("an answer that breaks off again and again is an error in the end", async () => {
  const { read } = exportOf("", "", "", "");
  await expect(read.read(unstopped, () => {})).rejects.toThrow("break off");
});

test("a message that looks like the last line is none", () => {
  expect(lastLineOf(MESSAGE)).toBeNull();
  expect(lastLineOf(LAST)).toEqual({ next: null });
});

test("an export that was stopped while its last page arrived gives out no file", async () => {
  const stop = new AbortController();
  const read = new Export(async () => {
    stop.abort();
    return LAST;
  });
  await expect(read.read(stop.signal, () => {})).rejects.toThrow();
  expect(read.progress.pages).toBe(0);
});
