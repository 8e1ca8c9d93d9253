/** The sessions of the person, each of which can be ended. */

import { queryOptions, useMutation, useQuery } from "@tanstack/preact-query";
import { useRef, useState } from "preact/hooks";
import { answered, api, type Schema } from "../../api/client.ts";
import { isProblem } from "../../api/problem.ts";
import { accountQuery, queryClient } from "../../api/queries.ts";
import { notify } from "../../parts/announcer.tsx";
import { Moment } from "../../parts/moment.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { Table } from "../../parts/table.tsx";
import { signOut } from "../../session/session.ts";
import { EverywhereDialog } from "./everywhere_dialog.tsx";
import { writtenUserAgent } from "./user_agent.ts";

type ListedSession = Schema<"Session">;

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: async () => (await answered(api.GET("/sessions/"))).sessions,
});

async function endSession(id: string): Promise<void> {
  try {
    await answered(api.DELETE("/sessions/{id}/", { params: { path: { id } } }));
  } catch (error) {
    // It has ended by itself, or the answer of an earlier try was lost.
    if (!isProblem(error, "not_found")) throw error;
  }
}

/** Ends this session, as the button at the foot does, or another one. */
async function end(sessions: ListedSession[]): Promise<void> {
  // One after the other: an account has at most fifty.
  for (const { id, current } of sessions) await (current ? signOut() : endSession(id));
}

function useEnding() {
  return useMutation({
    mutationFn: end,
    onSuccess: (_, ended) => notify(ended.length === 1 ? "The session has ended." : "The other sessions have ended."),
    onSettled: () => {
      void queryClient.invalidateQueries({ queryKey: accountQuery.queryKey });
      return queryClient.invalidateQueries({ queryKey: sessionsQuery.queryKey });
    },
  });
}

export function SessionsSection() {
  const sessions = useQuery(sessionsQuery);
  const heading = useRef<HTMLHeadingElement>(null);
  return (
    <section>
      <h2 ref={heading} tabIndex={-1}>
        Where you are signed in
      </h2>
      <QueryView query={sessions}>
        {/* The row that had the focus is gone, and with it the button. */}
        {(sessions) => <Sessions sessions={sessions} onEnded={() => heading.current?.focus()} />}
      </QueryView>
    </section>
  );
}

function Sessions({ sessions, onEnded }: { sessions: ListedSession[]; onEnded: () => void }) {
  const ending = useEnding();
  const [asksAboutAll, setAsksAboutAll] = useState(false);
  const others = sessions.filter(({ current }) => !current);
  const endAll = (sessions: ListedSession[]) => ending.mutate(sessions, { onSuccess: onEnded });
  return (
    <>
      <SessionTable
        sessions={sessions}
        ended={ending.isPending ? ending.variables : []}
        onEnd={(session) => endAll([session])}
      />
      <ProblemNote error={ending.error} />
      <p>A session that is ended can go on for up to five minutes. “Sign out everywhere” ends all of them at once.</p>
      <div class="buttons">
        {others.length > 0 && (
          <button
            type="button"
            class="secondary"
            aria-busy={ending.isPending && ending.variables.length > 1}
            onClick={() => endAll(others)}
          >
            End all others
          </button>
        )}
        <button type="button" class="danger" onClick={() => setAsksAboutAll(true)}>
          Sign out everywhere
        </button>
      </div>
      {asksAboutAll && <EverywhereDialog onClose={() => setAsksAboutAll(false)} />}
    </>
  );
}

interface TableProps {
  sessions: ListedSession[];
  /** The sessions that are being ended. */
  ended: ListedSession[];
  onEnd: (session: ListedSession) => void;
}

function SessionTable({ sessions, ended, onEnd }: TableProps) {
  const head = (
    <>
      <th scope="col">Browser or program</th>
      <th scope="col">Signed in</th>
      <th scope="col">Last used</th>
      <th scope="col">
        <span class="sr-only">End</span>
      </th>
    </>
  );
  return (
    <Table label="Sessions" head={head}>
      {sessions.map((session) => (
        <tr key={session.id}>
          <th scope="row" class="breaking" title={session.user_agent ?? undefined}>
            <bdi>{writtenUserAgent(session.user_agent)}</bdi>
            {session.current && <small class="current">this one</small>}
          </th>
          <td>
            <Moment at={session.created_at} />
          </td>
          <td>
            <Moment at={session.last_used_at} />
          </td>
          <td class="acts">
            <button
              type="button"
              class="small secondary"
              aria-busy={ended.some(({ id }) => id === session.id)}
              onClick={() => onEnd(session)}
            >
              {session.current ? "Sign out" : "End"}
              <span class="sr-only"> {writtenUserAgent(session.user_agent)}</span>
            </button>
          </td>
        </tr>
      ))}
    </Table>
  );
}
