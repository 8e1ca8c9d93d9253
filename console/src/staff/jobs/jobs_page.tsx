/** The bulk grants, and a new one from a file. */

import { useInfiniteQuery, useMutation } from "@tanstack/preact-query";
import { useLocation } from "wouter-preact";
import { answered, api } from "../../api/client.ts";
import { Amount } from "../../parts/amounts.tsx";
import { ActForm, TextField } from "../../parts/form.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { act, listQuery } from "../as_staff.ts";
import { ListView } from "../list_view.tsx";
import { JobStateBadge } from "./job_words.tsx";
import { beginJob, type Job, notifyBegun } from "./jobs_api.ts";
import { UnsentNote } from "./unsent_note.tsx";

export function JobsPage() {
  return (
    <Page title="Bulk grants">
      <UnsentNote />
      <p>
        To give credits to some users, <a href="#/staff/users">tick them in the list of users</a>, or send a file.
      </p>
      <FileForm />
      <h2>What was granted</h2>
      <JobsList />
    </Page>
  );
}

/** Most bytes of a file, as the API has it. */
const MOST_FILE_BYTES = 256 * 1024;

async function sendFile(fields: FormData): Promise<Job> {
  const file = fields.get("file");
  if (!(file instanceof File) || file.size === 0) throw new Error("Choose a file with at least one row.");
  if (file.size > MOST_FILE_BYTES) throw new Error("The file has more than 256 KiB. Divide it.");
  // The ids are in the file, so that sending it twice grants once.
  return act(() => beginJob(file));
}

function FileForm() {
  const [, go] = useLocation();
  const sending = useMutation({ mutationFn: sendFile, onSuccess: notifyBegun });
  return (
    <details class="card">
      <summary>Send a file</summary>
      <p>
        Comma-separated values in UTF-8, up to 1,000 rows. The first line is <code>id,username,amount,reason</code>. An{" "}
        <code>id</code> is used once and for ever, so that a file that is sent twice grants once: put the month into it,
        such as <code>2026-11-ada</code>. A negative amount takes back. A file with a wrong row begins nothing.
      </p>
      <ActForm act={sending} label="Send the file" onDone={(job) => go(`/staff/jobs/${job.id}`)}>
        <TextField label="File" name="file" type="file" accept=".csv,text/csv" required />
      </ActForm>
    </details>
  );
}

const jobsQuery = listQuery(["jobs"], (page) => answered(api.GET("/admin/jobs/", { params: { query: page } })));

function JobsList() {
  const jobs = useInfiniteQuery(jobsQuery);
  const head = (
    <>
      <th scope="col">Begun</th>
      <th scope="col">State</th>
      <th scope="col" class="number">
        Rows
      </th>
      <th scope="col" class="number">
        Granted
      </th>
      <th scope="col" class="number">
        Refused
      </th>
      <th scope="col" class="number">
        Given
      </th>
      <th scope="col" class="number">
        Taken back
      </th>
    </>
  );
  return (
    <ListView query={jobs} rowsOf={(page) => page.jobs} empty="There was no bulk grant yet.">
      {(rows) => (
        <Table label="Bulk grants" head={head}>
          {rows.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </Table>
      )}
    </ListView>
  );
}

function JobRow({ job }: { job: Job }) {
  return (
    <tr>
      <th scope="row">
        <a href={`#/staff/jobs/${job.id}`}>
          <Moment at={job.began_at} />
        </a>
      </th>
      <td>
        <JobStateBadge state={job.state} />
      </td>
      {[job.rows, job.granted, job.refused, job.given, job.taken].map((value, place) => (
        <td key={place} class="number">
          <Amount value={value} />
        </td>
      ))}
    </tr>
  );
}
