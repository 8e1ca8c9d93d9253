/** Whether the deployment accepts messages and registrations, at the API. */

import { answered, api, type Schema } from "../../api/client.ts";
import { act } from "../as_staff.ts";

/** Stops messages and registrations, or resumes them. */
export function setAccepting(change: Schema<"AcceptanceChange">): Promise<Schema<"Acceptance">> {
  return act(() => answered(api.PUT("/admin/accepting/", { body: change })));
}
