/** The deletion of a user, which may take several requests. */

import { answered, api } from "../../api/client.ts";
import { ApiProblem } from "../../api/problem.ts";
import { act } from "../as_staff.ts";

/** How often a deletion is gone on with from here. What is left then the audit finishes. */
const MOST_ROUNDS = 30;
const LONGEST_WAIT_S = 10;

export async function deleteUser(id: string, reason: string): Promise<void> {
  await act(async () => {
    for (let round = 1; ; round += 1) {
      try {
        await answered(api.DELETE("/admin/users/{id}/", { params: { path: { id } }, body: { reason } }));
        return;
      } catch (error) {
        // The first round says whether there is such a user. After it, a user who is not there is one who was deleted.
        if (round > 1 && error instanceof ApiProblem && error.code === "not_found") return;
        if (round === MOST_ROUNDS || !(error instanceof ApiProblem) || error.status !== 503) throw error;
        await pause(Math.min(error.retryAfterSeconds ?? 1, LONGEST_WAIT_S));
      }
    }
  });
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
