/** The users: found by the beginning of their names, filtered, and given credits together. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { answered, api, type Schema } from "../../api/client.ts";
import { useAddressQuery } from "../../parts/address.ts";
import { announce } from "../../parts/announcer.tsx";
import { Page } from "../../parts/page.tsx";
import { filled, listQuery } from "../as_staff.ts";
import { keepFocus } from "../focus.ts";
import { useUnsentGrant } from "../jobs/jobs_api.ts";
import { UnsentNote } from "../jobs/unsent_note.tsx";
import { ListView } from "../list_view.tsx";
import { type Conditions, conditionsIn } from "./conditions.ts";
import { GrantDialog } from "./grant_dialog.tsx";
import { UsersFilter } from "./users_filter.tsx";
import { UsersTable } from "./users_table.tsx";

export function UsersPage() {
  const [query] = useAddressQuery();
  const conditions = conditionsIn(query);
  return (
    <Page title="Users">
      <UnsentNote />
      <UsersFilter conditions={conditions} />
      {/* The selection has users of the list alone. */}
      <UsersList key={JSON.stringify(conditions)} conditions={conditions} />
    </Page>
  );
}

/** How many users are read at once. */
const ROWS = 50;

function usersQuery(conditions: Conditions) {
  return listQuery(["users", conditions], (page) =>
    answered(api.GET("/admin/users/", { params: { query: { ...filled(conditions), ...page, limit: ROWS } } })),
  );
}

type User = Schema<"User">;

function UsersList({ conditions }: { conditions: Conditions }) {
  const users = useInfiniteQuery(usersQuery(conditions));
  const [selected, setSelected] = useState<ReadonlyMap<string, User>>(new Map());
  const [isGranting, setGranting] = useState(false);
  const select = (chosen: User[], isSelected: boolean) => {
    const next = new Map(selected);
    for (const user of chosen) {
      if (isSelected) next.set(user.id, user);
      else next.delete(user.id);
    }
    setSelected(next);
    announce(`${next.size} selected.`);
  };
  return (
    <>
      <SelectionBar count={selected.size} onGrant={() => setGranting(true)} onClear={() => setSelected(new Map())} />
      <ListView query={users} rowsOf={(page) => page.users} empty="Nobody meets these conditions.">
        {(rows) => <UsersTable users={rows} selected={selected} onSelect={select} />}
      </ListView>
      {isGranting && <GrantDialog users={[...selected.values()]} onClose={() => setGranting(false)} />}
    </>
  );
}

function SelectionBar(props: { count: number; onGrant: () => void; onClear: () => void }) {
  const { kept } = useUnsentGrant();
  const clear = () => {
    props.onClear();
    keepFocus(() => document.querySelector<HTMLElement>(".tick input"));
  };
  if (props.count === 0) return <p class="muted selection">Tick users to give credits to several at once.</p>;
  return (
    <section class="selection is-filled" aria-label="What to do with the selection">
      <strong>{props.count} selected</strong>
      {kept === null ? (
        <button type="button" class="small" onClick={props.onGrant}>
          Give or take credits …
        </button>
      ) : (
        <span>The grant above has no answer yet.</span>
      )}
      <button type="button" class="small secondary" onClick={clear}>
        Select none
      </button>
    </section>
  );
}
