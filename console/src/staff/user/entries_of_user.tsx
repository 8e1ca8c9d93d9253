/** The transactions of a user, with their conditions in the address. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { answered, api } from "../../api/client.ts";
import { DayField } from "../../pages/transactions/filter_choice.tsx";
import { type FilterName, type Filters, filtersOf, KINDS } from "../../pages/transactions/filters.ts";
import { useAddressQuery } from "../../parts/address.ts";
import { SelectField, TextField } from "../../parts/form.tsx";
import { endedKeyName } from "../../parts/ids.ts";
import { SaveTableButton } from "../../parts/save_table_button.tsx";
import { listQuery } from "../as_staff.ts";
import { ListView } from "../list_view.tsx";
import { EntriesTable } from "./entries_table.tsx";
import type { User } from "./user_api.ts";

/** How many transactions are read at once, for the page and for a file. */
const ROWS = 50;
const ROWS_OF_TABLE = 500;

function entriesQuery(id: string, filters: Filters) {
  return listQuery(["transactions", id, filters], (page) => {
    const query = { ...filters, ...page, limit: ROWS };
    return answered(api.GET("/admin/users/{id}/transactions/", { params: { path: { id }, query } }));
  });
}

export function EntriesOfUser({ user }: { user: User }) {
  const { id } = user;
  const [query] = useAddressQuery();
  const filters = filtersOf(query);
  const entries = useInfiniteQuery(entriesQuery(id, filters));
  const table = new URLSearchParams({ ...filters, limit: `${ROWS_OF_TABLE}` });
  return (
    <>
      <div class="conditions">
        <FilterFields filters={filters} keys={user.keys} />
        <SaveTableButton path={`admin/users/${id}/transactions/?${table}`} fileName={`transactions-${id}.csv`} />
      </div>
      <ListView query={entries} rowsOf={(page) => page.transactions} empty="No transaction meets these conditions.">
        {(rows) => <EntriesTable entries={rows} keys={user.keys} />}
      </ListView>
    </>
  );
}

function FilterFields({ filters, keys }: { filters: Filters; keys: User["keys"] }) {
  const [, change] = useAddressQuery();
  const set = (name: FilterName, value: string) => change({ [name]: value }, { replace: true });
  return (
    <>
      <DayField label="From (UTC)" name="from" filters={filters} onChange={set} />
      <DayField label="To (UTC)" name="to" filters={filters} onChange={set} />
      <SelectField
        label="Kind"
        name="kind"
        value={filters.kind ?? ""}
        onChange={(event) => set("kind", event.currentTarget.value)}
      >
        <option value="">All</option>
        {KINDS.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="API key"
        name="key"
        value={filters.key ?? ""}
        onChange={(event) => set("key", event.currentTarget.value)}
      >
        <option value="">Any, or none</option>
        {keys.map(({ id, name, prefix }) => (
          <option key={id} value={id}>
            {name} ({prefix}…)
          </option>
        ))}
        {filters.key !== undefined && !keys.some(({ id }) => id === filters.key) && (
          <option value={filters.key}>{endedKeyName(filters.key)}</option>
        )}
      </SelectField>
      <TextField
        label="Model"
        name="model"
        value={filters.model ?? ""}
        spellcheck={false}
        autoCapitalize="none"
        maxLength={256}
        onChange={(event) => set("model", event.currentTarget.value.trim())}
      />
    </>
  );
}
