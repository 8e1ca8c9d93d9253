import { expect, test } from "vitest";
import { ApiProblem, errorsOf } from "../api/problem.ts";
import { withPassword } from "./password_again.ts";

const refusal = (code: string) => new ApiProblem(new Response(null, { status: 401 }), { code });

test("a wrong password is an error of the field that it was typed into", async () => {
  const error = await withPassword("password", () => Promise.reject(refusal("invalid_credentials"))).catch(
    (error) => error,
  );
  expect(errorsOf(error, "password")).toEqual(["This is not your password."]);
});

test("any other refusal stays as it is", async () => {
  const other = refusal("throttled");
  await expect(withPassword("password", () => Promise.reject(other))).rejects.toBe(other);
});
