import { beforeEach, expect, test, vi } from "vitest";
import { ApiProblem, Unreachable } from "../../api/problem.ts";
import { CodesLost, makeCodes } from "./make_codes.ts";
import { codesAreUnderWay, unsavedCodes } from "./unsaved_codes.ts";
import { type Batch, makeBatch, newestBatch } from "./vouchers_api.ts";

vi.mock("./vouchers_api.ts", () => ({ makeBatch: vi.fn(), newestBatch: vi.fn() }));

const TERMS = { kind: "credits", amount: 5, count: 1, uses: 1 } as const;
const batch = (id: string) => ({ id }) as Batch;
const make = () => makeCodes(TERMS, [0, 1]).catch((error: unknown) => error);

beforeEach(() => {
  vi.mocked(newestBatch).mockReset();
  vi.mocked(makeBatch).mockReset();
});

test("codes are kept when they come, whatever page is shown then", async () => {
  const made = { id: "B2", codes: ["AAAA"] };
  vi.mocked(newestBatch).mockResolvedValue(batch("B1"));
  vi.mocked(makeBatch).mockImplementation(async (_, onMade) => {
    expect(codesAreUnderWay.value).toBe(true);
    onMade(made as Parameters<typeof onMade>[0]);
  });
  await makeCodes(TERMS);
  expect(unsavedCodes.value).toEqual([made]);
  expect(codesAreUnderWay.value).toBe(false);
});

test("a batch that is there after a lost answer has lost its codes, also if it comes later", async () => {
  vi.mocked(makeBatch).mockRejectedValue(new Unreachable(null));
  const looks = vi.mocked(newestBatch);
  looks.mockResolvedValueOnce(batch("B1")).mockResolvedValueOnce(batch("B1")).mockResolvedValueOnce(batch("B2"));
  const lost = await make();
  expect(lost).toBeInstanceOf(CodesLost);
  expect(lost).toMatchObject({ batch: { id: "B2" } });
});

test("that no batch is there yet is not said to be the end of it", async () => {
  vi.mocked(makeBatch).mockRejectedValue(new Unreachable(null));
  vi.mocked(newestBatch).mockResolvedValue(null);
  expect(`${await make()}`).toContain("No batch is there yet. Look at the list before you try again.");
});

test("a list that cannot be read says nothing of the codes", async () => {
  vi.mocked(makeBatch).mockRejectedValue(new Unreachable(null));
  vi.mocked(newestBatch).mockResolvedValueOnce(null).mockRejectedValue(new Unreachable(null));
  expect(`${await make()}`).toContain("It is not known whether the codes were made.");
});

test("a refusal made nothing", async () => {
  const refusal = new ApiProblem(new Response(null, { status: 400 }), { code: "invalid" });
  vi.mocked(makeBatch).mockRejectedValue(refusal);
  vi.mocked(newestBatch).mockResolvedValue(null);
  expect(await make()).toBe(refusal);
  expect(newestBatch).toHaveBeenCalledTimes(1);
});
