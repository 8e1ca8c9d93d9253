/** Whether the deployment accepts messages and registrations, at the API. */

import { answered, api } from "../../api/client.ts";
import { act } from "../as_staff.ts";

/** Stops messages and registrations, or resumes them. */
export function setAccepting(body: { accepting: boolean; reason: string }) {
  return act(() => answered(api.PUT("/admin/accepting/", { body })));
}
