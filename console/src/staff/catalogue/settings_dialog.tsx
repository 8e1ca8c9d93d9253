/** Goes back to the one model that the settings name. */

import { useMutation } from "@tanstack/preact-query";
import { notify } from "../../parts/announcer.tsx";
import { ConfirmDialog } from "../confirm_dialog.tsx";
import { isChangedByOthers, replace, type StoredCatalogue } from "./catalogue_api.ts";

export function SettingsDialog({ stored, onClose }: { stored: StoredCatalogue; onClose: () => void }) {
  const replacing = useMutation({
    mutationFn: (_: FormData) => replace(null, stored.version),
    onSuccess: () => {
      notify("The settings name the one model again.");
      onClose();
    },
    onError: (error) => {
      if (isChangedByOthers(error)) notify("Somebody else has stored another version. Look at it first.");
    },
  });
  return (
    <ConfirmDialog title="Go back to the settings?" act={replacing} label="Use the settings" onClose={onClose}>
      <p>
        No catalogue will be in force, and callers can ask the one model that the settings name, at its prices. Version{" "}
        {stored.version} stays in the list of versions, and can be restored.
      </p>
    </ConfirmDialog>
  );
}
