/** Vouchers and invitations: the batches that were made, and new ones. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { useState } from "preact/hooks";
import { Amount } from "../../parts/amounts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { Badge, type Tone } from "../badge.tsx";
import { ListView } from "../list_view.tsx";
import { MadeCodes } from "./made_codes.tsx";
import { MakeForm } from "./make_form.tsx";
import { codesAreUnderWay, unsavedCodes } from "./unsaved_codes.ts";
import { type Batch, batchesQuery, stateOf } from "./vouchers_api.ts";

export function VouchersPage() {
  const [isMaking, setMaking] = useState(false);
  return (
    <Page
      title="Vouchers and invitations"
      actions={
        !isMaking && (
          <button type="button" onClick={() => setMaking(true)}>
            Make codes …
          </button>
        )
      }
    >
      {unsavedCodes.value.map((made) => (
        <MadeCodes key={made.id} made={made} />
      ))}
      {codesAreUnderWay.value && !isMaking && <p role="status">Codes are being made …</p>}
      {isMaking && <MakeForm onClose={() => setMaking(false)} />}
      <BatchesList />
    </Page>
  );
}

function BatchesList() {
  const batches = useInfiniteQuery(batchesQuery);
  const head = (
    <>
      <th scope="col">Made</th>
      <th scope="col">Kind</th>
      <th scope="col" class="number">
        Credits
      </th>
      <th scope="col" class="number">
        Codes
      </th>
      <th scope="col" class="number">
        Uses of each
      </th>
      <th scope="col">State</th>
      <th scope="col">Note</th>
    </>
  );
  return (
    <ListView query={batches} rowsOf={(page) => page.batches} empty="No codes were made yet.">
      {(rows) => (
        <Table label="Batches of codes" head={head}>
          {rows.map((batch) => (
            <BatchRow key={batch.id} batch={batch} />
          ))}
        </Table>
      )}
    </ListView>
  );
}

function BatchRow({ batch }: { batch: Batch }) {
  return (
    <tr>
      <th scope="row">
        <a href={`#/staff/vouchers/${batch.id}`}>
          <Moment at={batch.created_at} />
        </a>
      </th>
      <td>{batch.kind === "invitation" ? "invitation" : "voucher"}</td>
      <td class="number">
        <Amount value={batch.amount} />
      </td>
      <td class="number">
        <Amount value={batch.count} />
      </td>
      <td class="number">
        <Amount value={batch.uses} />
      </td>
      <td>
        <BatchState batch={batch} />
      </td>
      <td dir="auto" class="breaking">
        {batch.note}
      </td>
    </tr>
  );
}

const TONES: Record<ReturnType<typeof stateOf>, Tone> = { open: "good", expired: "quiet", ended: "quiet" };

export function BatchState({ batch }: { batch: Batch }) {
  const state = stateOf(batch, Date.now());
  return (
    <>
      <Badge word={state} tone={TONES[state]} />
      {state === "open" && batch.expires_at !== null && (
        <small class="muted">
          {" "}
          until <Moment at={batch.expires_at} />
        </small>
      )}
    </>
  );
}
