/** One user at the API. */

import { answered, api, type Schema } from "../../api/client.ts";
import { accountQuery, queryClient } from "../../api/queries.ts";
import { session } from "../../session/session.ts";
import { act, oneQuery } from "../as_staff.ts";

export type User = Schema<"UserDetails">;

export function userQuery(id: string) {
  return oneQuery(["user", id], () => answered(api.GET("/admin/users/{id}/", { params: { path: { id } } })));
}

/** Changes what `change` names. A person who changes their own account may be no superuser any more. */
export async function changeUser(id: string, change: Schema<"UserChange">): Promise<Schema<"User">> {
  const changed = await act(() =>
    answered(api.PATCH("/admin/users/{id}/", { params: { path: { id } }, body: change })),
  );
  if (isOwn(id)) void queryClient.invalidateQueries({ queryKey: accountQuery.queryKey });
  return changed;
}

/** Whether `id` is the person's who is signed in. */
export function isOwn(id: string): boolean {
  return session.value.kind === "signed-in" && session.value.userId === id;
}

/** The reason in a form, if one was given. */
export function reasonIn(fields: FormData): { reason?: string } {
  const reason = `${fields.get("reason") ?? ""}`.trim();
  return reason === "" ? {} : { reason };
}
