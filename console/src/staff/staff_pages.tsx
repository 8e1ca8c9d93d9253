/** The pages of staff, below one menu. */

import type { UseQueryResult } from "@tanstack/preact-query";
import { Redirect, Route, Switch, useLocation } from "wouter-preact";
import type { Schema } from "../api/client.ts";
import { Page } from "../parts/page.tsx";
import { QueryView } from "../parts/query_view.tsx";

const PAGES = [
  { path: "/staff/users", label: "Users" },
  { path: "/staff/jobs", label: "Bulk grants" },
  { path: "/staff/vouchers", label: "Vouchers" },
  { path: "/staff/catalogue", label: "Catalogue" },
  { path: "/staff/usage", label: "Usage of all" },
  { path: "/staff/history", label: "History" },
  { path: "/staff/deployment", label: "Deployment" },
];

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
        <Route path="/staff/users">{() => <Page title="Users">{null}</Page>}</Route>
        <Route>{() => <Redirect to="/staff/users" replace />}</Route>
      </Switch>
    </>
  );
}
