/** Redeem the code of a voucher, and see the newest grants. */

import { type UseInfiniteQueryResult, useInfiniteQuery, useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { outcomeIsUnknown } from "../../api/problem.ts";
import { balanceHasChanged, queryClient } from "../../api/queries.ts";
import { credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { ActForm, TextField } from "../../parts/form.tsx";
import { Moment } from "../../parts/moment.tsx";
import { MoreButton } from "../../parts/more_button.tsx";
import { Page } from "../../parts/page.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { onSignedOut } from "../../session/session.ts";
import { SignedCredits } from "../transactions/signed_credits.tsx";
import { transactionsQuery } from "../transactions/transactions_query.ts";
import { type Redeemed, redeem, type Unanswered } from "./redeem.ts";
import { type ReadCode, readCode } from "./voucher_code.ts";
import "../../style/transactions.css";

export function VouchersPage() {
  return (
    <Page title="Vouchers">
      <article class="narrow">
        <RedeemForm />
      </article>
      <NewestGrants />
    </Page>
  );
}

/** Codes whose outcome is unknown, kept while other pages are open. They are in memory only, since a code is a secret. */
let unanswered: Unanswered = new Set();
// A request of this person that ends later finds the old set.
onSignedOut(() => {
  unanswered = new Set();
});

function RedeemForm() {
  const [typed, setTyped] = useState("");
  const [redeemed, setRedeemed] = useState<Redeemed | null>(null);
  const read = readCode(typed);
  const redeeming = useMutation({
    mutationFn: (_: FormData) => redeem(read.kind === "whole" ? read.code : typed, unanswered),
    onSuccess: (outcome) => {
      setRedeemed(outcome);
      setTyped("");
      notify("The voucher is redeemed.");
    },
    onSettled: () => {
      balanceHasChanged();
      void queryClient.invalidateQueries({ queryKey: ["transactions"] });
    },
  });
  const type = (text: string) => {
    setTyped(text);
    setRedeemed(null);
  };
  return (
    <>
      {redeemed !== null && <Outcome {...redeemed} />}
      <ActForm act={redeeming} label="Redeem">
        <TextField
          label="Code"
          name="code"
          class="code"
          value={typed}
          onInput={(event) => type(event.currentTarget.value)}
          hint={hintOf(read)}
          placeholder="XXXX-XXXX-XXXX-XXXX-XXXX"
          autoComplete="off"
          autoCapitalize="characters"
          spellcheck={false}
          maxLength={100}
          required
        />
      </ActForm>
      {outcomeIsUnknown(redeeming.error) && (
        <p>It is not known whether the code was redeemed. Redeem it again: nothing is taken or given twice.</p>
      )}
    </>
  );
}

function hintOf(read: ReadCode): string {
  switch (read.kind) {
    case "wrong":
      return `No code has the character ${read.character}.`;
    case "too-long":
      return `${read.code}: this is too long.`;
    case "unfinished":
      if (read.code === "") return "20 letters and digits, in any case. Hyphens and spaces do not count.";
      return `${read.code}: ${read.missing} more`;
    case "whole":
      return `Read as ${read.code}`;
  }
}

function Outcome({ balance }: Redeemed) {
  return (
    <p class="note good" role="status">
      <strong>The voucher's credits are yours.</strong>
      {balance !== null && ` Your balance is now ${credits(balance)}.`}
    </p>
  );
}

/** The newest grants: of vouchers, of the operator, and of an allowance. */
function NewestGrants() {
  const query = useInfiniteQuery(transactionsQuery({ kind: "grant" }));
  return (
    <section>
      <h2>Credits that you were given</h2>
      <QueryView query={query}>
        {({ pages }) => {
          const grants = pages.flatMap((page) => page.transactions).slice(0, 5);
          if (grants.length === 0) return <NoGrant query={query} />;
          return (
            <>
              <ul class="given">
                {grants.map(({ id, created_at, tokens }) => (
                  <li key={id}>
                    <Moment at={created_at} /> <SignedCredits value={tokens} />
                  </li>
                ))}
              </ul>
              <p>
                <a href="#/transactions?kind=grant">All of them, with receipts</a>
              </p>
            </>
          );
        }}
      </QueryView>
    </section>
  );
}

/** A page may be empty although there are further ones: the API reads some transactions, and then chooses the grants. */
function NoGrant({ query }: { query: UseInfiniteQueryResult<unknown, Error> }) {
  if (!query.hasNextPage) return <p class="empty">None yet.</p>;
  return (
    <>
      <p class="empty">None among the newest transactions. There may be older ones.</p>
      <MoreButton query={query} />
    </>
  );
}
