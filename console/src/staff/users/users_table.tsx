/** Users in rows, with boxes to select them. */

import type { Schema } from "../../api/client.ts";
import { Amount } from "../../parts/amounts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import { StatusBadge } from "../badge.tsx";

type User = Schema<"User">;

interface Props {
  users: User[];
  selected: ReadonlyMap<string, User>;
  onSelect: (users: User[], isSelected: boolean) => void;
}

export function UsersTable({ users, selected, onSelect }: Props) {
  const isAll = users.every((user) => selected.has(user.id));
  const head = (
    <>
      <th scope="col" class="tick">
        <input
          type="checkbox"
          aria-label={`Select all ${users.length} that are shown`}
          checked={isAll}
          indeterminate={!isAll && selected.size > 0}
          onChange={() => onSelect(users, !isAll)}
        />
      </th>
      <th scope="col">Name</th>
      <th scope="col" class="number">
        Credits
      </th>
      <th scope="col" class="number">
        Held
      </th>
      <th scope="col">Status</th>
      <th scope="col">Since</th>
    </>
  );
  return (
    <Table label="Users" head={head}>
      {users.map((user) => (
        <UserRow key={user.id} user={user} isSelected={selected.has(user.id)} onSelect={onSelect} />
      ))}
    </Table>
  );
}

function UserRow({ user, isSelected, onSelect }: { user: User; isSelected: boolean } & Pick<Props, "onSelect">) {
  return (
    <tr class={isSelected ? "is-selected" : ""}>
      <td class="tick">
        <input
          type="checkbox"
          aria-label={`Select ${user.username}`}
          checked={isSelected}
          onChange={() => onSelect([user], !isSelected)}
        />
      </td>
      <th scope="row" class="breaking">
        <a href={`#/staff/users/${user.id}`}>
          <bdi>{user.username}</bdi>
        </a>
      </th>
      <td class="number">
        <Amount value={user.credits} />
      </td>
      <td class="number">
        <Amount value={user.held} />
      </td>
      <td>
        <StatusBadge status={user.status} />
        {user.staff && <span class="badge is-staff">staff</span>}
      </td>
      <td>
        <Moment at={user.created_at} />
      </td>
    </tr>
  );
}
