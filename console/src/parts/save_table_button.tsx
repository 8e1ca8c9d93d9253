/** Saves a list as a file of comma-separated values. */

import { useMutation } from "@tanstack/preact-query";
import { saveTable } from "./download.ts";
import { ProblemNote } from "./problem_note.tsx";

interface Props {
  /** The path of the list at the API, with its conditions. */
  path: string;
  fileName: string;
}

export function SaveTableButton({ path, fileName }: Props) {
  const saving = useMutation({ mutationFn: () => saveTable(path, fileName) });
  return (
    <div class="save-table">
      <button type="button" class="small secondary" aria-busy={saving.isPending} onClick={() => saving.mutate()}>
        Save as CSV
      </button>
      <ProblemNote error={saving.error} />
    </div>
  );
}
