/** A receipt as people read it, on the screen and on paper. */

import type { ComponentChildren } from "preact";
import { BASE } from "../../api/base.ts";
import { Moment } from "../../parts/moment.tsx";
import { BillTable } from "./bill_table.tsx";
import type { Claims } from "./claims.ts";
import { kindWord } from "./kinds.ts";
import type { Verdict } from "./receipt.ts";
import { signedCredits } from "./signed_credits.tsx";

export function ReceiptView({ claims }: { claims: Claims }) {
  const { usage, prices, capped_at } = claims;
  return (
    <section class="receipt" aria-label="The receipt in words">
      <header>
        <div>
          <strong>{kindWord(claims.kind)}</strong>
          <Moment at={claims.created_at} />
        </div>
        <strong class="sum">{signedCredits(claims.credits)}</strong>
      </header>
      <dl class="facts">
        {claims.model !== undefined && <Fact name="Model">{<bdi>{claims.model}</bdi>}</Fact>}
        <Fact name="Transaction">
          <code>{claims.jti}</code>
        </Fact>
        <Fact name="Account">
          <code>{claims.sub}</code>
        </Fact>
        <Fact name="Issued by">
          <code>{claims.iss}</code> at {BASE.href}, <Moment at={new Date(claims.iat * 1000).toISOString()} />
        </Fact>
        {claims.catalogue !== undefined && <Fact name="Prices">of version {claims.catalogue} of the catalogue</Fact>}
      </dl>
      {usage !== undefined && prices !== undefined && <BillTable charged={{ usage, prices, capped_at }} />}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export function VerdictNote({ verdict }: { verdict: Verdict }) {
  switch (verdict.kind) {
    case "genuine":
      return (
        <p class="note good">
          <strong>Genuine.</strong> Your browser verified the signature, and that the cost follows from the counts.
        </p>
      );
    case "forged":
      return (
        <p class="problem" role="alert">
          <strong>Not genuine.</strong> {verdict.why} Ask the operator.
        </p>
      );
    case "not-verified":
      return <p class="note">{verdict.why} The lines below verify the whole receipt.</p>;
  }
}
