/** The account: its facts, its sessions, its password, its data, and its end. */

import { useQuery } from "@tanstack/preact-query";
import type { Schema } from "../../api/client.ts";
import { accountQuery } from "../../api/queries.ts";
import { credits } from "../../parts/amounts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { DeletionSection } from "./deletion_section.tsx";
import { ExportSection } from "./export_section.tsx";
import { PasswordSection } from "./password_section.tsx";
import { SessionsSection } from "./sessions_section.tsx";
import "../../style/account.css";

export function AccountPage() {
  const account = useQuery(accountQuery);
  return (
    <Page title="Account">
      <QueryView query={account}>
        {(account) => (
          <>
            <Facts account={account} />
            <SessionsSection />
            <PasswordSection username={account.username} />
            <ExportSection username={account.username} />
            <DeletionSection username={account.username} />
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Facts({ account: { username, created_at, staff, allowance } }: { account: Schema<"Account"> }) {
  return (
    <article>
      <dl class="facts">
        <dt>Username</dt>
        <dd>
          <bdi>{username}</bdi>
        </dd>
        <dt>Since</dt>
        <dd>
          <Moment at={created_at} />
        </dd>
        {staff === true && (
          <>
            <dt>Rights</dt>
            <dd>
              You are a superuser: <a href="#/staff/users">the pages of staff</a>
            </dd>
          </>
        )}
        {allowance !== undefined && (
          <>
            <dt>Allowance</dt>
            <dd>
              <Allowance {...allowance} />
            </dd>
          </>
        )}
      </dl>
    </article>
  );
}

function Allowance({ credits: given, per, cap, renews_at }: Schema<"Allowance">) {
  return (
    <>
      {credits(given)} a {per}, until you have {credits(cap)}
      {renews_at !== null && (
        <small>
          The next credits come <Moment at={renews_at} />
        </small>
      )}
    </>
  );
}
