/** One bulk grant: how far it is, and what became of each row. */

import { useMutation, useQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { answered, api, type Schema } from "../../api/client.ts";
import { Amount, credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { SelectField } from "../../parts/form.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { ProblemNote } from "../../parts/problem_note.tsx";
import { SaveTableButton } from "../../parts/save_table_button.tsx";
import { Table } from "../../parts/table.tsx";
import { ActorLink } from "../actor_link.tsx";
import { act } from "../as_staff.ts";
import { FoundView } from "../found_view.tsx";
import { isShown, JobStateBadge, OutcomeBadge, type RowFilter } from "./job_words.tsx";
import { type Job, jobQuery } from "./jobs_api.ts";

export function JobPage({ id }: { id: string }) {
  const job = useQuery(jobQuery(id));
  return (
    <Page title="A bulk grant" actions={<a href="#/staff/jobs">All bulk grants</a>}>
      <FoundView query={job} missing="There is no such bulk grant.">
        {(report) => (
          <>
            <Progress job={report} />
            <Rows report={report} />
          </>
        )}
      </FoundView>
    </Page>
  );
}

function Progress({ job }: { job: Job }) {
  const settled = job.rows - job.waiting;
  return (
    <article>
      <p>
        <JobStateBadge state={job.state} /> {settled} of {job.rows} rows settled.
      </p>
      {job.state !== "done" && <progress value={settled} max={job.rows} aria-label="Rows that are settled" />}
      <dl class="facts">
        <dt>Begun</dt>
        <dd>
          <Moment at={job.began_at} /> by <ActorLink actor={job.actor} />
        </dd>
        <dt>Rows</dt>
        <dd>
          {job.granted} granted, {job.repeated} granted before, {job.refused} refused, {job.waiting} waiting
        </dd>
        <dt>Together</dt>
        <dd>
          {credits(job.given)} to give, {credits(job.taken)} to take back
        </dd>
      </dl>
      {job.used_ids > 0 && (
        <p class="warm">
          {job.used_ids} of the ids were used for grants before this file was sent. Rows of the same grant gave nothing
          again.
        </p>
      )}
      {job.state !== "done" && <GoOn job={job} />}
      <p class="muted">
        <a href={`#/staff/history?subject=${job.id}`}>Its history</a>
      </p>
    </article>
  );
}

function GoOn({ job }: { job: Job }) {
  const going = useMutation({
    mutationFn: () => act(() => answered(api.POST("/admin/jobs/{id}/", { params: { path: { id: job.id } } }))),
    onSuccess: ({ state }) => notify(state === "done" ? "All rows are settled." : "It went on, and some rows wait."),
  });
  return (
    <>
      <p>
        {job.state === "stopped"
          ? "It stopped, since the person who began it is no longer a superuser. You can go on under your own authority."
          : "Rows that wait are granted within a quarter of an hour, or at once if you go on."}
      </p>
      <ProblemNote error={going.error} />
      <button type="button" aria-busy={going.isPending} onClick={() => going.mutate()}>
        Go on now
      </button>
    </>
  );
}

function Rows({ report }: { report: Schema<"JobReport"> }) {
  const [filter, setFilter] = useState<RowFilter>("");
  if (report.results.length === 0) return <p class="empty">Rows are kept for 90 days, and these are gone.</p>;
  const rows = report.results.filter((row) => isShown(row.outcome, filter));
  return (
    <>
      <div class="conditions">
        <SelectField
          label="Rows"
          name="filter"
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value as RowFilter)}
        >
          <option value="">all</option>
          <option value="refused">refused</option>
          <option value="waiting">waiting</option>
          <option value="granted">granted</option>
          <option value="repeated">granted before</option>
        </SelectField>
        <SaveTableButton path={`admin/jobs/${report.id}/`} fileName={`grants-${report.id}.csv`} />
      </div>
      {rows.length === 0 ? <p class="empty">There are no such rows.</p> : <RowsTable rows={rows} />}
    </>
  );
}

function RowsTable({ rows }: { rows: Array<Schema<"RowReport">> }) {
  const head = (
    <>
      <th scope="col">Id</th>
      <th scope="col">User</th>
      <th scope="col" class="number">
        Credits
      </th>
      <th scope="col">Outcome</th>
      <th scope="col">Reason</th>
    </>
  );
  return (
    <Table label="Rows of the bulk grant" head={head}>
      {rows.map(({ id, username, amount, outcome, reason }) => (
        <tr key={id}>
          <td class="breaking">{id}</td>
          <td>
            <a href={`#/staff/users/${encodeURIComponent(username)}`}>
              <bdi>{username}</bdi>
            </a>
          </td>
          <td class="number">
            <Amount value={amount} />
          </td>
          <td>
            <OutcomeBadge outcome={outcome} />
          </td>
          <td dir="auto" class="breaking">
            {reason}
          </td>
        </tr>
      ))}
    </Table>
  );
}
