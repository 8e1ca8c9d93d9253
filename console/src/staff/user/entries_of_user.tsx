/** The transactions of a user, with their conditions in the address. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { answered, api } from "../../api/client.ts";
import { useAddressQuery } from "../../parts/address.ts";
import { SelectField, TextField } from "../../parts/form.tsx";
import { filled, listQuery } from "../as_staff.ts";
import { ListView } from "../list_view.tsx";
import { SaveTableButton } from "../save_table_button.tsx";
import { EntriesTable } from "./entries_table.tsx";
import type { User } from "./user_api.ts";

interface Conditions extends Record<string, string> {
  from: string;
  to: string;
  kind: string;
  key: string;
  model: string;
}

function conditionsIn(query: URLSearchParams): Conditions {
  const member = (name: string) => query.get(name) ?? "";
  return { from: member("from"), to: member("to"), kind: member("kind"), key: member("key"), model: member("model") };
}

function entriesQuery(id: string, conditions: Conditions) {
  return listQuery(["transactions", id, conditions], (page) => {
    const query = { ...filled(conditions), ...page, limit: 50 } as typeof page;
    return answered(api.GET("/admin/users/{id}/transactions/", { params: { path: { id }, query } }));
  });
}

export function EntriesOfUser({ user }: { user: User }) {
  const { id } = user;
  const [query] = useAddressQuery();
  const conditions = conditionsIn(query);
  const entries = useInfiniteQuery(entriesQuery(id, conditions));
  const table = `${new URLSearchParams({ ...filled(conditions), limit: "500" } as Record<string, string>)}`;
  return (
    <>
      <div class="conditions">
        <Filters conditions={conditions} keys={user.keys} />
        <SaveTableButton path={`admin/users/${id}/transactions/?${table}`} fileName={`transactions-${id}.csv`} />
      </div>
      <ListView query={entries} rowsOf={(page) => page.transactions} empty="No transaction meets these conditions.">
        {(rows) => <EntriesTable entries={rows} keys={user.keys} />}
      </ListView>
    </>
  );
}

function Filters({ conditions, keys }: { conditions: Conditions; keys: User["keys"] }) {
  const [, change] = useAddressQuery();
  return (
    <>
      <TextField
        label="From"
        name="from"
        type="date"
        value={conditions.from}
        onChange={(event) => change({ from: event.currentTarget.value })}
      />
      <TextField
        label="To"
        name="to"
        type="date"
        value={conditions.to}
        onChange={(event) => change({ to: event.currentTarget.value })}
      />
      <SelectField
        label="Kind"
        name="kind"
        value={conditions.kind}
        onChange={(event) => change({ kind: event.currentTarget.value })}
      >
        <option value="">all</option>
        <option value="chat">messages</option>
        <option value="grant">given</option>
        <option value="adjustment">taken back</option>
      </SelectField>
      <SelectField
        label="API key"
        name="key"
        value={conditions.key}
        onChange={(event) => change({ key: event.currentTarget.value })}
      >
        <option value="">any, or none</option>
        {keys.map(({ id, name, prefix }) => (
          <option key={id} value={id}>
            {name} ({prefix}…)
          </option>
        ))}
        {conditions.key !== "" && !keys.some(({ id }) => id === conditions.key) && (
          <option value={conditions.key}>an ended key</option>
        )}
      </SelectField>
      <TextField
        label="Model"
        name="model"
        value={conditions.model}
        spellcheck={false}
        autoCapitalize="none"
        maxLength={256}
        onChange={(event) => change({ model: event.currentTarget.value.trim() })}
      />
    </>
  );
}
