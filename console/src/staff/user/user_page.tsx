/** One user: what staff see of them, and what staff can do. No text of theirs. */

import { useQuery } from "@tanstack/preact-query";
import { credits } from "../../parts/amounts.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { StatusBadge } from "../badge.tsx";
import { FoundView } from "../found_view.tsx";
import { ActsList } from "../history/acts_list.tsx";
import { TabLinks } from "../tab_links.tsx";
import { UsageOfUser } from "../usage/usage_of_user.tsx";
import { AccessCard } from "./access_card.tsx";
import { AllowanceCard } from "./allowance_card.tsx";
import { ClosingCard } from "./closing_card.tsx";
import { EntriesOfUser } from "./entries_of_user.tsx";
import { GrantCard } from "./grant_card.tsx";
import { HoldsCard } from "./holds_card.tsx";
import { StaffCard } from "./staff_card.tsx";
import { isOwn, type User, userQuery } from "./user_api.ts";

interface Props {
  /** An id, or a name. */
  id: string;
  part: string | undefined;
}

export function UserPage({ id, part = "" }: Props) {
  const user = useQuery(userQuery(id));
  const title = user.data?.username ?? "A user";
  return (
    <Page title={title} actions={<a href="#/staff/users">All users</a>}>
      <FoundView query={user} missing="There is no such user. The account may have been deleted.">
        {(shown) => (
          <>
            <Facts user={shown} />
            <TabLinks
              label={`About ${shown.username}`}
              tabs={tabsOf(id)}
              here={part === "" ? `/staff/users/${id}` : `/staff/users/${id}/${part}`}
            />
            <Part user={shown} part={part} />
          </>
        )}
      </FoundView>
    </Page>
  );
}

function tabsOf(id: string) {
  const path = `/staff/users/${id}`;
  return [
    { path, label: "Account" },
    { path: `${path}/transactions`, label: "Transactions" },
    { path: `${path}/usage`, label: "Usage" },
    { path: `${path}/history`, label: "History" },
  ];
}

function Facts({ user }: { user: User }) {
  return (
    <dl class="figures">
      <Figure label="Can spend" value={credits(user.credits)} />
      <Figure label="Held" value={credits(user.held)} />
      <Figure label="Spent so far" value={credits(user.spent)} />
      <div>
        <dt>Status</dt>
        <dd>
          <StatusBadge status={user.status} />
          {user.staff && <span class="badge is-staff">staff</span>}
          {isOwn(user.id) && <span class="badge is-quiet">you</span>}
        </dd>
      </div>
      <div>
        <dt>Since</dt>
        <dd>
          <Moment at={user.created_at} />
        </dd>
      </div>
      <div>
        <dt>Id</dt>
        <dd>
          <code>{user.id}</code> <CopyButton text={user.id} />
        </dd>
      </div>
    </dl>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class="amount">{value}</dd>
    </div>
  );
}

function Part({ user, part }: { user: User; part: string }) {
  switch (part) {
    case "transactions":
      return <EntriesOfUser user={user} />;
    case "usage":
      return <UsageOfUser id={user.id} />;
    case "history":
      return (
        <>
          {user.staff && (
            <p>
              What was done to this account. <a href={`#/staff/history?actor=${user.id}`}>What this person did</a>
            </p>
          )}
          <ActsList conditions={{ actor: "", subject: user.id }} />
        </>
      );
    default:
      return (
        <div class="cards">
          <GrantCard user={user} />
          <AllowanceCard user={user} />
          {user.holds.length > 0 && <HoldsCard user={user} />}
          <AccessCard user={user} />
          <StaffCard user={user} />
          <ClosingCard user={user} />
        </div>
      );
  }
}
