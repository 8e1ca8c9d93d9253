/** Acts of staff and operators, newest first. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import type { ComponentChildren } from "preact";
import { answered, api, type Schema } from "../../api/client.ts";
import { isProblem } from "../../api/problem.ts";
import { Moment } from "../../parts/moment.tsx";
import { ActorLink } from "../actor_link.tsx";
import { filled, listQuery } from "../as_staff.ts";
import { ListView } from "../list_view.tsx";
import { type Change, changesOf, type SubjectKind, subjectKindOf, wordsOf } from "./act_words.ts";

/** How many acts are read at once. */
const ROWS = 50;

export interface ActConditions {
  actor: string;
  subject: string;
}

function actsQuery(conditions: ActConditions) {
  return listQuery(["history", conditions], (page) => {
    const query = { ...filled(conditions), ...page, limit: ROWS };
    return answered(api.GET("/admin/history/", { params: { query } }));
  });
}

export function ActsList({ conditions }: { conditions: ActConditions }) {
  const acts = useInfiniteQuery(actsQuery(conditions));
  if (isProblem(acts.error, "not_found")) return <p class="empty">Nobody has this name or id.</p>;
  return (
    <ListView query={acts} rowsOf={(page) => page.acts} empty="Nothing was done.">
      {(rows) => (
        <ol class="history">
          {rows.map((act) => (
            <RecordedAct key={act.id} act={act} />
          ))}
        </ol>
      )}
    </ListView>
  );
}

type Recorded = Schema<"RecordedAct">;

function RecordedAct({ act }: { act: Recorded }) {
  const changes = changesOf(act.before, act.after);
  // The values before come first, where there are any.
  const isChange = Object.keys(act.before).length > 0;
  return (
    <li>
      <p>
        <ActorLink actor={act.actor} name={act.actor_name} /> {wordsOf(act.act, act.after)} <Subject act={act} />
        {act.reason !== null && (
          <>
            : <q dir="auto">{act.reason}</q>
          </>
        )}
      </p>
      {isChange && <Changes changes={changes} />}
      <details>
        <summary>
          <Moment at={act.at} />
        </summary>
        {!isChange && <Changes changes={changes} />}
        <dl class="changes">
          <Fact name="act">
            <code>{act.act}</code> <code>{act.id}</code>
          </Fact>
          <Fact name="request">
            <code>{act.request_id}</code>
          </Fact>
          {act.network !== null && <Fact name="network">{act.network}</Fact>}
        </dl>
      </details>
    </li>
  );
}

function Changes({ changes }: { changes: Change[] }) {
  return (
    <dl class="changes">
      {changes.map(({ name, before, after }) => (
        <Fact key={name} name={name}>
          {before !== null && (
            <del>
              <Value text={before} />
            </del>
          )}{" "}
          {after !== null && (
            <ins>
              <Value text={after} />
            </ins>
          )}
        </Fact>
      ))}
    </dl>
  );
}

function Value({ text }: { text: string }) {
  return /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(text) ? <Moment at={text} /> : <bdi>{text}</bdi>;
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const PATHS: Record<SubjectKind, (id: string) => string> = {
  user: (id) => `/staff/users/${id}`,
  vouchers: (id) => `/staff/vouchers/${id}`,
  job: (id) => `/staff/jobs/${id}`,
  catalogue: () => "/staff/catalogue",
  deployment: () => "/staff/deployment",
};

/** The word for a subject that has no name. */
const NOUNS: Record<Exclude<SubjectKind, "user">, string> = {
  vouchers: "codes",
  job: "a bulk grant",
  catalogue: "the catalogue",
  deployment: "messages and registrations",
};

/** A link to what the act was done to. */
function Subject({ act }: { act: Recorded }) {
  const kind = subjectKindOf(act.act, act.subject);
  const words = kind === "user" ? act.subject_name : NOUNS[kind];
  return (
    <a href={`#${PATHS[kind](act.subject)}`} class="breaking">
      {words === null ? <code>{act.subject}</code> : <bdi>{words}</bdi>}
    </a>
  );
}
