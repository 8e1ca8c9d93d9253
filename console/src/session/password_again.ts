/** Acts that take the person's password again. */

import { ApiProblem, isProblem } from "../api/problem.ts";

/** Does such an act. A wrong password is then an error of its field, `field`, and no failed login. */
export async function withPassword<T>(field: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isProblem(error, "invalid_credentials")) throw error;
    const body = { ...error.body, detail: "Nothing was changed.", errors: { [field]: ["This is not your password."] } };
    throw new ApiProblem(new Response(null, { status: error.status }), body);
  }
}
