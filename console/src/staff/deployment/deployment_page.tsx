/** The deployment: whether it is well, the stop, and the settings in force. */

import { useQuery } from "@tanstack/preact-query";
import type { Schema } from "../../api/client.ts";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { Table } from "../../parts/table.tsx";
import { Badge } from "../badge.tsx";
import { lagOf } from "./audit_lag.ts";
import { healthQuery, settingsQuery } from "./health_query.ts";
import { StopCard } from "./stop_card.tsx";

export function DeploymentPage() {
  const health = useQuery(healthQuery);
  return (
    <Page title="Deployment">
      <QueryView query={health}>
        {(shown) => (
          <div class="cards">
            <StopCard health={shown} />
            <AuditCard health={shown} />
          </div>
        )}
      </QueryView>
      <h2>Settings in force</h2>
      <Settings />
    </Page>
  );
}

function AuditCard({ health }: { health: Schema<"Health"> }) {
  const lag = lagOf(health.audit_lag_seconds);
  return (
    <article>
      <h2>The audit</h2>
      <dl class="facts">
        <dt>Behind by</dt>
        <dd>
          {lag.words} <Badge word={lag.isUsual ? "as usual" : "more than usual"} tone={lag.isUsual ? "good" : "bad"} />
        </dd>
        <dt>All entries until</dt>
        <dd>{health.audited_through === null ? "no pass so far" : <Moment at={health.audited_through} />}</dd>
        <dt>Not judged</dt>
        <dd>
          {health.unsettled} {health.unsettled === 1 ? "account" : "accounts"}{" "}
          {health.unsettled > 0 && <Badge word="look at the log" tone="warm" />}
        </dd>
        <dt>Proved through</dt>
        <dd>{health.proved_through ?? "no day so far"}</dd>
        <dt>Catalogue</dt>
        <dd>
          <a href="#/staff/catalogue">
            {health.catalogue_version === 0
              ? "none: the settings name the model"
              : `version ${health.catalogue_version}`}
          </a>
        </dd>
        <dt>Superusers</dt>
        <dd>
          <a href="#/staff/users?staff=true">{health.superusers} active</a>
        </dd>
      </dl>
    </article>
  );
}

function Settings() {
  const settings = useQuery(settingsQuery);
  const head = (
    <>
      <th scope="col">Name</th>
      <th scope="col">Value</th>
    </>
  );
  return (
    <QueryView query={settings}>
      {({ settings: all }) => (
        <>
          <p class="muted">They are set where the deployment is made. Secrets are not among them.</p>
          <Table label="Settings" head={head}>
            {Object.entries(all).map(([name, value]) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td class="breaking">{value === "" ? <span class="muted">empty</span> : <code>{value}</code>}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </QueryView>
  );
}
