/** The deletion of a user, which may take several requests. */

import { answered, api } from "../../api/client.ts";
import { isProblem } from "../../api/problem.ts";
import { repeatDeletion } from "../../parts/repeated_deletion.ts";
import { act } from "../as_staff.ts";

export function deleteUser(id: string, reason: string): Promise<void> {
  const request = () => answered(api.DELETE("/admin/users/{id}/", { params: { path: { id } }, body: { reason } }));
  return act(() => repeatDeletion(request, (error) => isProblem(error, "not_found")));
}
