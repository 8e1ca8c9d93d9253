/** One batch of codes: its terms, and how often each code was used. */

import { useMutation, useQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import type { Schema } from "../../api/client.ts";
import { Amount, credits } from "../../parts/amounts.tsx";
import { notify } from "../../parts/announcer.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { ActorLink } from "../actor_link.tsx";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { FoundView } from "../found_view.tsx";
import { type Batch, batchQuery, endBatch, stateOf } from "./vouchers_api.ts";
import { BatchState } from "./vouchers_page.tsx";

export function BatchPage({ id }: { id: string }) {
  const batch = useQuery(batchQuery(id));
  return (
    <Page title="A batch of codes" actions={<a href="#/staff/vouchers">All batches</a>}>
      <FoundView query={batch} missing="There is no such batch of codes.">
        {(shown) => (
          <>
            <Terms batch={shown} />
            <Uses batch={shown} />
          </>
        )}
      </FoundView>
    </Page>
  );
}

function Terms({ batch }: { batch: Batch }) {
  return (
    <article>
      <dl class="facts">
        <dt>Kind</dt>
        <dd>{batch.kind === "invitation" ? "invitations" : "vouchers"}</dd>
        <dt>State</dt>
        <dd>
          <BatchState batch={batch} />
        </dd>
        <dt>Terms</dt>
        <dd>
          {batch.count} {batch.count === 1 ? "code" : "codes"} of {credits(batch.amount)}, each for {batch.uses}{" "}
          {batch.uses === 1 ? "use" : "uses"}
        </dd>
        <dt>Made</dt>
        <dd>
          <Moment at={batch.created_at} /> by <ActorLink actor={batch.by} />
        </dd>
        {batch.ended_at !== null && (
          <>
            <dt>Ended</dt>
            <dd>
              <Moment at={batch.ended_at} />
            </dd>
          </>
        )}
        {batch.note !== null && (
          <>
            <dt>Note</dt>
            <dd dir="auto">{batch.note}</dd>
          </>
        )}
      </dl>
      {stateOf(batch, Date.now()) === "open" && <EndButton batch={batch} />}
      <p class="muted">
        <a href={`#/staff/history?subject=${batch.id}`}>Its history</a>
      </p>
    </article>
  );
}

function EndButton({ batch }: { batch: Batch }) {
  const [isOpen, setOpen] = useState(false);
  const ending = useMutation({
    mutationFn: (_: FormData) => endBatch(batch.id),
    onSuccess: () => {
      notify("The codes are ended.");
      setOpen(false);
    },
  });
  return (
    <>
      <button type="button" class="small danger" onClick={() => setOpen(true)}>
        End all codes …
      </button>
      {isOpen && (
        <ConfirmDialog title="End all codes of the batch?" act={ending} label="End them" onClose={() => setOpen(false)}>
          <p>They give nothing from now on, for good. What they gave stays given.</p>
        </ConfirmDialog>
      )}
    </>
  );
}

function Uses({ batch }: { batch: Schema<"VoucherBatchWithUses"> }) {
  const used = batch.codes.reduce((sum, code) => sum + (code.used ?? 0), 0);
  const head = (
    <>
      <th scope="col">Code</th>
      <th scope="col" class="number">
        Used
      </th>
      <th scope="col">Of {batch.uses}</th>
    </>
  );
  return (
    <>
      <p>
        Used {used} {used === 1 ? "time" : "times"} of {batch.count * batch.uses}: {credits(used * batch.amount)} were
        given. A code's number is its place in the list when it was made.
      </p>
      <Table label="Uses of the codes" head={head}>
        {batch.codes.map(({ number, used }) => (
          <tr key={number}>
            <th scope="row">{number}</th>
            <td class="number">{used === null ? "no longer known" : <Amount value={used} />}</td>
            <td>
              {used !== null && <meter min={0} max={batch.uses} value={used} aria-label={`Uses of code ${number}`} />}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}
