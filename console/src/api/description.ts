/** What the deployment says of itself at its root, before anybody signs in. */

import { queryOptions } from "@tanstack/preact-query";
import { send } from "../session/session.ts";
import { BASE } from "./base.ts";
import { problemOf } from "./problem.ts";

export interface Description {
  name: string;
  version: string;
  /** Who may register: anybody, whoever has an invitation, or nobody. */
  registration: "open" | "invitation" | "closed";
}

export const descriptionQuery = queryOptions({
  queryKey: ["description"],
  queryFn: async (): Promise<Description> => {
    const answer = await send(new Request(BASE, { headers: { Accept: "application/json" } }));
    if (!answer.ok) throw await problemOf(answer);
    return answer.json();
  },
  staleTime: Number.POSITIVE_INFINITY,
});
