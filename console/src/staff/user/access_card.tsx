/** The access of a user: sessions, API keys, and a code for a new password. */

import { useMutation } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { answered, api } from "../../api/client.ts";
import { writtenUserAgent } from "../../pages/account/user_agent.ts";
import { notify } from "../../parts/announcer.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import { act } from "../as_staff.ts";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { ResetCode } from "./reset_code.tsx";
import type { User } from "./user_api.ts";

export function AccessCard({ user }: { user: User }) {
  return (
    <article class="is-wide">
      <h2>Sessions</h2>
      {user.sessions.length === 0 ? <p class="muted">None.</p> : <Sessions user={user} />}
      <h2>API keys</h2>
      {user.keys.length === 0 ? <p class="muted">None.</p> : <Keys user={user} />}
      <h2>Password forgotten</h2>
      <ResetCode user={user} />
    </article>
  );
}

function Sessions({ user }: { user: User }) {
  const head = (
    <>
      <th scope="col">Program</th>
      <th scope="col">Signed in</th>
      <th scope="col">Last used</th>
    </>
  );
  return (
    <>
      <Table label="Sessions" head={head}>
        {user.sessions.map(({ id, user_agent, created_at, last_used_at }) => (
          <tr key={id}>
            <td class="breaking" title={user_agent ?? undefined}>
              <bdi>{writtenUserAgent(user_agent)}</bdi>
            </td>
            <td>
              <Moment at={created_at} />
            </td>
            <td>
              <Moment at={last_used_at} />
            </td>
          </tr>
        ))}
      </Table>
      <EndAll
        label="End all sessions …"
        title={`End all sessions of ${user.username}?`}
        text="Everybody who is signed in has to sign in again. API keys go on."
        end={() =>
          act(() => answered(api.POST("/admin/users/{id}/end-sessions/", { params: { path: { id: user.id } } })))
        }
        done="All sessions are ended."
      />
    </>
  );
}

function Keys({ user }: { user: User }) {
  const head = (
    <>
      <th scope="col">Name</th>
      <th scope="col">Begins with</th>
      <th scope="col">Made</th>
      <th scope="col">Ends</th>
    </>
  );
  return (
    <>
      <Table label="API keys" head={head}>
        {user.keys.map(({ id, name, prefix, created_at, expires_at }) => (
          <tr key={id}>
            <th scope="row" class="breaking" dir="auto">
              {name}
            </th>
            <td>
              <code>{prefix}</code>
            </td>
            <td>
              <Moment at={created_at} />
            </td>
            <td>{expires_at === null ? "never" : <Moment at={expires_at} />}</td>
          </tr>
        ))}
      </Table>
      <EndAll
        label="End all API keys …"
        title={`End all API keys of ${user.username}?`}
        text="Programs that use them stop working, for good. Sessions go on."
        end={() => act(() => answered(api.POST("/admin/users/{id}/end-keys/", { params: { path: { id: user.id } } })))}
        done="All API keys are ended."
      />
    </>
  );
}

interface EndAllProps {
  label: string;
  title: string;
  text: string;
  done: string;
  end: () => Promise<unknown>;
}

function EndAll({ label, title, text, done, end }: EndAllProps) {
  const [isOpen, setOpen] = useState(false);
  const ending = useMutation({
    mutationFn: (_: FormData) => end(),
    onSuccess: () => {
      notify(done);
      setOpen(false);
    },
  });
  return (
    <p>
      <button type="button" class="small secondary" onClick={() => setOpen(true)}>
        {label}
      </button>
      {isOpen && (
        <ConfirmDialog title={title} act={ending} label="End all" onClose={() => setOpen(false)}>
          <p>{text}</p>
        </ConfirmDialog>
      )}
    </p>
  );
}
