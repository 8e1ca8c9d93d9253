/** The deployment at the API: its health, its settings, and the stop. */

import { addressOf } from "../../api/base.ts";
import { answered, api } from "../../api/client.ts";
import { problemOf } from "../../api/problem.ts";
import { authorizedFetch } from "../../session/session.ts";
import { act, oneQuery } from "../as_staff.ts";

const HEALTH_INTERVAL_MS = 60_000;

export const healthQuery = {
  ...oneQuery(["health"], () => answered(api.GET("/admin/health/"))),
  refetchInterval: HEALTH_INTERVAL_MS,
};

export const settingsQuery = oneQuery(["settings"], () => answered(api.GET("/admin/settings/")));

/** Whether messages and registrations are accepted, and why. */
export interface Accepting {
  accepting: boolean;
  reason: string;
}

/** Stops messages and registrations, or resumes them. */
export function setAccepting(change: Accepting): Promise<Accepting> {
  return act(async () => {
    const answer = await authorizedFetch(
      new Request(addressOf("admin/accepting/"), {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(change),
      }),
    );
    if (!answer.ok) throw await problemOf(answer);
    return answer.json();
  });
}
