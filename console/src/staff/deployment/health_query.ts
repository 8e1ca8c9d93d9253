/** The deployment at the API: its health, its settings, and the stop. */

import { answered, api, type Schema } from "../../api/client.ts";
import { act, oneQuery } from "../as_staff.ts";

const HEALTH_INTERVAL_MS = 60_000;

export const healthQuery = {
  ...oneQuery(["health"], () => answered(api.GET("/admin/health/"))),
  refetchInterval: HEALTH_INTERVAL_MS,
};

export const settingsQuery = oneQuery(["settings"], () => answered(api.GET("/admin/settings/")));

/** Stops messages and registrations, or resumes them. */
export function setAccepting(change: Schema<"AcceptanceChange">): Promise<Schema<"Acceptance">> {
  return act(() => answered(api.PUT("/admin/accepting/", { body: change })));
}
