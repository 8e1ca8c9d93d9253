/** Bulk grants at the API. */

import { answered, api, type Schema } from "../../api/client.ts";
import { notify } from "../../parts/announcer.tsx";
import { oneQuery } from "../as_staff.ts";
import { useKeptAct } from "../kept_act.ts";
import type { BulkGrant } from "./grant_file.ts";

export type Job = Schema<"Job">;

/** Begins a job with a file of grants, as it is. */
export function beginJob(file: string | Blob): Promise<Job> {
  const headers = { "Content-Type": "text/csv" };
  return answered(api.POST("/admin/jobs/", { headers, body: "", bodySerializer: () => file }));
}

/** The place of the bulk grant that was sent from here, as long as it is not known whether it has begun. */
export const UNSENT_GRANT = "staff bulk grant";

export function useUnsentGrant() {
  return useKeptAct<BulkGrant>(UNSENT_GRANT);
}

export function notifyBegun({ state }: Job): void {
  notify(state === "done" ? "The credits are given." : "The bulk grant has begun.");
}

/** How often a job is looked at while it runs. */
const RUNNING_INTERVAL_MS = 4000;

export function jobQuery(id: string) {
  return {
    ...oneQuery(["job", id], () => answered(api.GET("/admin/jobs/{id}/", { params: { path: { id } } }))),
    refetchInterval: (query: { state: { data?: Job | undefined } }) =>
      query.state.data?.state === "running" ? RUNNING_INTERVAL_MS : (false as const),
  };
}
