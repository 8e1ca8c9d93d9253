/** The history: who did what to whom, and why. */

import { useAddressQuery } from "../../parts/address.ts";
import { TextField } from "../../parts/form.tsx";
import { Page } from "../../parts/page.tsx";
import { ActsList } from "./acts_list.tsx";

export function HistoryPage() {
  const [query, change] = useAddressQuery();
  const conditions = { actor: query.get("actor") ?? "", subject: query.get("subject") ?? "" };
  return (
    <Page title="History">
      <search class="conditions">
        <TextField
          label="Who did it"
          name="actor"
          value={conditions.actor}
          hint={
            <>
              A name or an id, or{" "}
              <button type="button" class="link" onClick={() => change({ actor: "operator" })}>
                operator
              </button>
            </>
          }
          dir="auto"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          onChange={(event) => change({ actor: event.currentTarget.value.trim() })}
        />
        <TextField
          label="To whom or what"
          name="subject"
          value={conditions.subject}
          hint={
            <>
              A user by name or id, the id of codes or of a bulk grant,{" "}
              <button type="button" class="link" onClick={() => change({ subject: "catalogue" })}>
                catalogue
              </button>
              , or{" "}
              <button type="button" class="link" onClick={() => change({ subject: "deployment" })}>
                deployment
              </button>
            </>
          }
          dir="auto"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          onChange={(event) => change({ subject: event.currentTarget.value.trim() })}
        />
      </search>
      <ActsList key={JSON.stringify(conditions)} conditions={conditions} />
    </Page>
  );
}
