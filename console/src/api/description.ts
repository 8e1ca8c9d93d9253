/** The description of the deployment, which its root gives before anybody signs in. */

import { queryOptions } from "@tanstack/preact-query";
import { send, withTimeout } from "../session/send.ts";
import { BASE } from "./base.ts";
import { problemOf } from "./problem.ts";

export interface Description {
  name: string;
  version: string;
  /** Registration is open to all, takes an invitation, or is closed. */
  registration: "open" | "invitation" | "closed";
}

export const descriptionQuery = queryOptions({
  queryKey: ["description"],
  queryFn: async (): Promise<Description> => {
    const answer = await send(withTimeout(new Request(BASE, { headers: { Accept: "application/json" } })));
    if (!answer.ok) throw await problemOf(answer);
    return answer.json();
  },
  staleTime: Number.POSITIVE_INFINITY,
});
