/** Codes that have just been made. They are shown once. */

import type { Schema } from "../../api/client.ts";
import { CopyButton } from "../../parts/copy_button.tsx";
import { save } from "../../parts/download.ts";
import { keepFocus } from "../focus.ts";
import { codesAsTable } from "./new_batch.ts";
import { codesAreSaved } from "./unsaved_codes.ts";

export function MadeCodes({ made }: { made: Schema<"MadeVouchers"> }) {
  const { codes, id } = made;
  const forget = () => {
    codesAreSaved(id);
    keepFocus();
  };
  return (
    <article class="made-codes" aria-label="The codes">
      <h2>{codes.length === 1 ? "The code" : `The ${codes.length} codes`}</h2>
      <p role="alert">
        <strong>Save them now:</strong> they cannot be seen again.
      </p>
      <ol class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div class="buttons">
        <CopyButton text={codes.join("\n")} label={codes.length === 1 ? "Copy" : "Copy all"} />
        <button
          type="button"
          class="small secondary"
          onClick={() => save([codesAsTable(codes)], "text/csv", `codes-${id}.csv`)}
        >
          Save as CSV
        </button>
        <button type="button" class="small" onClick={forget}>
          I have saved them
        </button>
      </div>
    </article>
  );
}
