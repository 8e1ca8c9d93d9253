/** A form that makes a grant: what is typed survives a reload, and what was sent is sent again or not at all. */

import { useMutation } from "@tanstack/preact-query";
import { useDraft } from "../parts/drafts.ts";
import { isRefusal, useKeptAct } from "./kept_act.ts";
import { grantOf, type TypedGrant, typedIn, typedOf } from "./typed_grant.ts";

interface Sent {
  amount: number;
  reason: string;
}

interface GrantForm<G extends Sent, R> {
  /** The place where the grant is kept. */
  name: string;
  /** Gives what was typed the ids by which the API knows it. */
  withIds: (grant: Sent) => G;
  call: (grant: G) => Promise<R>;
  /** Also after the page is gone. */
  onMade: (made: R) => void;
}

export function useGrantForm<G extends Sent, R>({ name, withIds, call, onMade }: GrantForm<G, R>) {
  const { kept, isUnderWay, send, forget } = useKeptAct<G>(name);
  const [draft, setDraft] = useDraft(`${name} typed`);
  const granting = useMutation({
    mutationFn: async (_: FormData) => {
      const grant = kept ?? withIds(grantOf(typedIn(draft)));
      // The grant itself is kept from now on.
      setDraft("");
      try {
        return await send(grant, call);
      } catch (error) {
        if (isRefusal(error)) setDraft(JSON.stringify(typedOf(grant)));
        throw error;
      }
    },
    onSuccess: onMade,
  });
  return {
    granting,
    kept,
    /** Whether a request is out that another page has sent. */
    isBusyElsewhere: isUnderWay && !granting.isPending,
    /** Whether a request had no answer. */
    isUnknown: kept !== null && !isUnderWay,
    fields: {
      typed: kept === null ? typedIn(draft) : typedOf(kept),
      onType: (typed: TypedGrant) => setDraft(JSON.stringify(typed)),
      isFixed: kept !== null,
    },
    forget: () => {
      forget();
      granting.reset();
    },
  };
}
