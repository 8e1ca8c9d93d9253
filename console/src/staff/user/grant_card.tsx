/** Gives one user credits, or takes some back. */

import { useRef } from "preact/hooks";
import { answered, api, type Schema } from "../../api/client.ts";
import { newKey } from "../../api/new_key.ts";
import { credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { ActForm } from "../../parts/form.tsx";
import { act } from "../as_staff.ts";
import { keepFocus } from "../focus.ts";
import { GrantFields } from "../grant_fields.tsx";
import { useGrantForm } from "../use_grant_form.ts";
import type { User } from "./user_api.ts";

/** A grant with its key, by which the API knows it: however often it is sent, it is made once. */
interface Grant {
  key: string;
  amount: number;
  reason: string;
}

function makeGrant(id: string, { key, amount, reason }: Grant): Promise<Schema<"MadeGrant">> {
  const params = { path: { id }, header: { "Idempotency-Key": key } };
  return act(() => answered(api.POST("/admin/users/{id}/grants/", { params, body: { amount, reason } })));
}

export function GrantCard({ user }: { user: User }) {
  const card = useRef<HTMLElement>(null);
  const { granting, fields, isBusyElsewhere, isUnknown, forget } = useGrantForm<Grant, Schema<"MadeGrant">>({
    name: `staff grant ${user.id}`,
    withIds: (grant) => ({ ...grant, key: newKey() }),
    call: (grant) => makeGrant(user.id, grant),
    onMade: ({ credits: spendable }) => notify(`Done. ${user.username} has ${credits(spendable)}.`),
  });
  const drop = () => {
    forget();
    keepFocus(() => card.current?.querySelector("input"));
  };
  const again = isUnknown ? { onRefuse: drop, refuse: "Forget it", label: "Send it again" } : { label: "Grant" };
  return (
    <article ref={card}>
      <h2>Give or take back credits</h2>
      {isUnknown && (
        <p role="status">
          It is not known whether this grant was made. Send it again: it is made once, however often it is sent.
        </p>
      )}
      {isBusyElsewhere && <p role="status">This grant is under way.</p>}
      <ActForm act={granting} disabled={isBusyElsewhere} {...again}>
        <GrantFields {...fields} />
      </ActForm>
    </article>
  );
}
