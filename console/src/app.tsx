/** The routes of the console. They live behind the `#`, so that no path of the API changes. */

import { QueryClientProvider, useQuery } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Redirect, Route, Router, Switch, useLocation } from "wouter-preact";
import { Unreachable } from "./api/problem.ts";
import { accountQuery, queryClient } from "./api/queries.ts";
import { Layout } from "./layout.tsx";
import { RegisterPage } from "./pages/register.tsx";
import { ResetPage } from "./pages/reset.tsx";
import { SignInPage } from "./pages/sign_in.tsx";
import { Announcements } from "./parts/announcer.tsx";
import { useHashLocation } from "./parts/hash_location.ts";
import { lazyPage } from "./parts/lazily.tsx";
import { Page } from "./parts/page.tsx";
import { PageBoundary } from "./parts/page_boundary.tsx";
import { ProblemNote } from "./parts/problem_note.tsx";
import { Loading } from "./parts/query_view.tsx";
import { PasswordDialog } from "./session/password_dialog.tsx";
import { begin, learnUsername, onSignedOut, session } from "./session/session.ts";

const ChatPage = lazyPage(async () => (await import("./chat/chat_page.tsx")).ChatPage);
const UsagePage = lazyPage(async () => (await import("./pages/usage/usage_page.tsx")).UsagePage);
const TransactionsPage = lazyPage(
  async () => (await import("./pages/transactions/transactions_page.tsx")).TransactionsPage,
);
const KeysPage = lazyPage(async () => (await import("./pages/keys/keys_page.tsx")).KeysPage);
const VouchersPage = lazyPage(async () => (await import("./pages/vouchers/vouchers_page.tsx")).VouchersPage);
const AccountPage = lazyPage(async () => (await import("./pages/account/account_page.tsx")).AccountPage);
const StaffPages = lazyPage(async () => (await import("./staff/staff_pages.tsx")).StaffPages);

onSignedOut(() => queryClient.clear());

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Router hook={useHashLocation}>
        <Shown />
        <PasswordDialog />
        <Announcements />
      </Router>
    </QueryClientProvider>
  );
}

function Shown() {
  const now = session.value;
  switch (now.kind) {
    case "unknown":
      return <Loading />;
    case "unreachable":
      return <UnreachablePage error={now.error} />;
    case "signed-out":
      return <PagesOfStrangers />;
    case "signed-in":
      // Nothing of one person's pages is left when another signs in.
      return <PagesOfPerson key={now.userId} />;
  }
}

/** The page of the address, among routes. */
function Pages({ children }: { children: ComponentChildren }) {
  const [path] = useLocation();
  return (
    <PageBoundary path={path}>
      <Switch>{children}</Switch>
    </PageBoundary>
  );
}

function PagesOfStrangers() {
  return (
    <Layout>
      <Pages>
        <Route path="/register" component={RegisterPage} />
        <Route path="/reset" component={ResetPage} />
        <Route component={SignInPage} />
      </Pages>
    </Layout>
  );
}

function PagesOfPerson() {
  const account = useQuery(accountQuery);
  useEffect(() => {
    if (account.data !== undefined) learnUsername(account.data.username);
  }, [account.data]);
  return (
    <Layout account={account.data}>
      <Pages>
        <Route path="/chat/:conversation?">{(params) => <ChatPage conversation={params.conversation} />}</Route>
        <Route path="/usage">{() => <UsagePage />}</Route>
        <Route path="/transactions">{() => <TransactionsPage />}</Route>
        <Route path="/keys">{() => <KeysPage />}</Route>
        <Route path="/vouchers">{() => <VouchersPage />}</Route>
        <Route path="/account">{() => <AccountPage />}</Route>
        <Route path="/staff/*?">{() => <StaffPages account={account} />}</Route>
        <Route path="/sign-in">{() => <Redirect to="/chat" replace />}</Route>
        <Route path="/register">{() => <Redirect to="/chat" replace />}</Route>
        <Route path="/">{() => <Redirect to="/chat" replace />}</Route>
        <Route path="/reset" component={ResetPage} />
        <Route component={NoPage} />
      </Pages>
    </Layout>
  );
}

export function NoPage() {
  return (
    <Page title="There is no such page">
      <p>
        The address may be mistyped, or of another version. <a href="#/chat">Go to the chat.</a>
      </p>
    </Page>
  );
}

function UnreachablePage({ error }: { error: Error }) {
  useEffect(() => {
    addEventListener("online", begin);
    return () => removeEventListener("online", begin);
  }, []);
  return (
    <Layout>
      <Page title={error instanceof Unreachable ? "No connection" : "Your session could not be continued"}>
        <ProblemNote error={error}>
          <button type="button" onClick={begin}>
            Try again
          </button>
        </ProblemNote>
        <p>The page also tries again when your browser is online after it was offline.</p>
      </Page>
    </Layout>
  );
}
