/** The deployment at the API: its health and its settings. */

import { answered, api } from "../../api/client.ts";
import { oneQuery } from "../as_staff.ts";

const HEALTH_INTERVAL_MS = 60_000;

export const healthQuery = {
  ...oneQuery(["health"], () => answered(api.GET("/admin/health/"))),
  refetchInterval: HEALTH_INTERVAL_MS,
};

export const settingsQuery = oneQuery(["settings"], () => answered(api.GET("/admin/settings/")));
