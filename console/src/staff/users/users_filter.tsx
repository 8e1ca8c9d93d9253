/** The conditions of the list of users, which the address keeps. */

import { useEffect, useRef, useState } from "preact/hooks";
import { useAddressQuery } from "../../parts/address.ts";
import { SelectField, TextField } from "../../parts/form.tsx";
import type { Conditions } from "./conditions.ts";

/** The pause in typing after which the list is read. */
const PAUSE_MS = 350;

export function UsersFilter({ conditions }: { conditions: Conditions }) {
  const [, change] = useAddressQuery();
  const isSearched = conditions.search !== "";
  return (
    <search class="conditions">
      <SearchField search={conditions.search} />
      <SelectField
        label="Status"
        name="status"
        value={conditions.status}
        onChange={(event) => change({ status: event.currentTarget.value })}
      >
        <option value="">any</option>
        <option value="active">active</option>
        <option value="inactive">inactive</option>
        <option value="deleting">being deleted</option>
      </SelectField>
      <SelectField
        label="Staff"
        name="staff"
        value={conditions.staff}
        onChange={(event) => change({ staff: event.currentTarget.value })}
      >
        <option value="">all users</option>
        <option value="true">staff only</option>
        <option value="false">no staff</option>
      </SelectField>
      <SelectField
        label="Order"
        name="order"
        value={conditions.order}
        disabled={isSearched}
        hint={isSearched ? "By name, beside a search" : undefined}
        onChange={(event) => change({ order: event.currentTarget.value })}
      >
        <option value="">by name</option>
        <option value="newest">newest first</option>
      </SelectField>
    </search>
  );
}

function SearchField({ search }: { search: string }) {
  const [, change] = useAddressQuery();
  const [text, setText] = useState(search);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  // The way back brings another search.
  useEffect(() => setText(search), [search]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (typed: string) => {
    setText(typed);
    clearTimeout(timer.current);
    // The way back leads to the list before the search, and not to each letter.
    timer.current = setTimeout(() => change({ search: typed.trim() }, { replace: search !== "" }), PAUSE_MS);
  };
  return (
    <TextField
      label="Name begins with"
      name="search"
      type="search"
      value={text}
      maxLength={150}
      dir="auto"
      autoComplete="off"
      autoCapitalize="none"
      spellcheck={false}
      onInput={(event) => type(event.currentTarget.value)}
    />
  );
}
