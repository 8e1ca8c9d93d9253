/** The pages of staff, below one menu. */

import type { UseQueryResult } from "@tanstack/preact-query";
import { Redirect, Route, Switch, useLocation } from "wouter-preact";
import type { Schema } from "../api/client.ts";
import { lazyPage } from "../parts/lazily.tsx";
import { QueryView } from "../parts/query_view.tsx";
import "../style/staff.css";
import { DeploymentPage } from "./deployment/deployment_page.tsx";
import { HistoryPage } from "./history/history_page.tsx";
import { JobPage } from "./jobs/job_page.tsx";
import { JobsPage } from "./jobs/jobs_page.tsx";
import { UsageOfAllPage } from "./usage/usage_of_all_page.tsx";
import { UserPage } from "./user/user_page.tsx";
import { UsersPage } from "./users/users_page.tsx";
import { BatchPage } from "./vouchers/batch_page.tsx";
import { VouchersPage } from "./vouchers/vouchers_page.tsx";

const PAGES = [
  { path: "/staff/users", label: "Users" },
  { path: "/staff/jobs", label: "Bulk grants" },
  { path: "/staff/vouchers", label: "Vouchers" },
  { path: "/staff/catalogue", label: "Catalogue" },
  { path: "/staff/usage", label: "Usage of all" },
  { path: "/staff/history", label: "History" },
  { path: "/staff/deployment", label: "Deployment" },
];

// The parser of the editor is of no use elsewhere.
const CataloguePage = lazyPage(async () => (await import("./catalogue/catalogue_page.tsx")).CataloguePage);

export function StaffPages({ account }: { account: UseQueryResult<Schema<"Account">, Error> }) {
  return (
    <QueryView query={account}>
      {({ staff }) => (staff === true ? <PagesOfStaff /> : <Redirect to="/chat" replace />)}
    </QueryView>
  );
}

function PagesOfStaff() {
  const [location] = useLocation();
  return (
    <>
      <nav class="sub" aria-label="Staff pages">
        <ul>
          {PAGES.map(({ path, label }) => (
            <li key={path}>
              <a href={`#${path}`} aria-current={location.startsWith(path) ? "page" : undefined}>
                {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Switch>
        <Route path="/staff/users">{() => <UsersPage />}</Route>
        <Route path="/staff/users/:id/:part?">{({ id, part }) => <UserPage key={id} id={id} part={part} />}</Route>
        <Route path="/staff/jobs">{() => <JobsPage />}</Route>
        <Route path="/staff/jobs/:id">{({ id }) => <JobPage key={id} id={id} />}</Route>
        <Route path="/staff/vouchers">{() => <VouchersPage />}</Route>
        <Route path="/staff/vouchers/:id">{({ id }) => <BatchPage key={id} id={id} />}</Route>
        <Route path="/staff/catalogue/:part?/:version?">
          {({ part, version }) => <CataloguePage part={part} version={version} />}
        </Route>
        <Route path="/staff/usage">{() => <UsageOfAllPage />}</Route>
        <Route path="/staff/history">{() => <HistoryPage />}</Route>
        <Route path="/staff/deployment">{() => <DeploymentPage />}</Route>
        <Route>{() => <Redirect to="/staff/users" replace />}</Route>
      </Switch>
    </>
  );
}
