/** Gives one user credits, or takes some back. */

import { useMutation } from "@tanstack/preact-query";
import { answered, api, type Schema } from "../../api/client.ts";
import { credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { ActForm } from "../../parts/form.tsx";
import { act } from "../as_staff.ts";
import { amountIn, GrantFields } from "../grant_fields.tsx";
import { useKeptAct } from "../kept_act.ts";
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
  const { kept, send, forget } = useKeptAct<Grant>(`staff grant ${user.id}`);
  const granting = useMutation({
    mutationFn: (fields: FormData) => {
      const reason = `${fields.get("reason")}`.trim();
      const grant = kept ?? { key: crypto.randomUUID(), amount: amountIn(fields), reason };
      return send(grant, (sent) => makeGrant(user.id, sent));
    },
  });
  const drop = () => {
    forget();
    granting.reset();
  };
  const done = ({ credits: spendable }: Schema<"MadeGrant">, form: HTMLFormElement) => {
    notify(`Done. ${user.username} has ${credits(spendable)}.`);
    form.reset();
  };
  const again = kept === null ? {} : { onRefuse: drop, refuse: "Forget it", label: "Send it again" };
  return (
    <article>
      <h2>Give or take back credits</h2>
      {kept !== null && (
        <p role="status">
          It is not known whether this grant was made. Send it again: it is made once, however often it is sent.
        </p>
      )}
      <ActForm key={kept?.key ?? "new"} act={granting} label="Grant" onDone={done} {...again}>
        <GrantFields kept={kept} />
      </ActForm>
    </article>
  );
}
