/** Shows what changes, and stores it. */

import { useMutation } from "@tanstack/preact-query";
import { notify } from "../../parts/announcer.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ActForm } from "../../parts/form.tsx";
import { errorsIn, isChangedByOthers, replace, type StoredCatalogue } from "./catalogue_api.ts";
import { DifferenceView } from "./difference_view.tsx";
import { type Fault, faultsOf, placed } from "./document.ts";
import type { Edited } from "./edited.ts";

interface Props {
  stored: StoredCatalogue;
  edited: Edited;
  onStored: () => void;
  /** The text is no catalogue. */
  onRefused: (faults: Fault[]) => void;
  onClose: () => void;
}

export function StoreDialog({ stored, edited: { text, seen }, onStored, onRefused, onClose }: Props) {
  const storing = useMutation({
    mutationFn: async (_: FormData) => {
      const faults = faultsOf(text);
      return faults.length > 0 ? faults : replace(text, seen);
    },
    onSuccess: (result) => {
      if (Array.isArray(result)) return onRefused(result);
      notify(`Version ${result.version} is stored, with ${result.models.length} models.`);
      onStored();
    },
    onError: (error) => {
      const errors = errorsIn(error);
      if (errors !== null) onRefused(errors.map(({ path, problem }) => placed(text, path, problem)));
      // The page shows both versions.
      if (isChangedByOthers(error)) onClose();
    },
  });
  return (
    <Dialog title="Store this catalogue?" onClose={onClose} wide>
      <ActForm act={storing} label="Store" onRefuse={onClose}>
        <p>
          It takes the place of {stored.text === null ? "the settings" : `version ${stored.version}`}. Functions that
          run notice it within a minute, and new messages are charged at its prices.
        </p>
        <DifferenceView label="What changes" before={stored.text ?? ""} after={text} />
      </ActForm>
    </Dialog>
  );
}
