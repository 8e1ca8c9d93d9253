/** Says that somebody else has stored another version, and shows theirs and yours. */

import { usePaused } from "../../parts/use_paused.ts";
import type { StoredCatalogue } from "./catalogue_api.ts";
import { DifferenceView } from "./difference_view.tsx";
import type { Edited } from "./edited.ts";

/** The pause in typing after which the versions are compared again. */
const PAUSE_MS = 400;

interface Props {
  stored: StoredCatalogue;
  edited: Edited;
  onTakeTheirs: () => void;
  onGoOn: (edited: Edited) => void;
}

export function BehindNote({ stored, edited, onTakeTheirs, onGoOn }: Props) {
  // A comparison at each key would make typing slow.
  const compared = usePaused(edited.text, PAUSE_MS);
  return (
    <section class="problem" aria-label="Another version">
      <p>
        Somebody else has stored version {stored.version} since you began with version {edited.seen}. Yours is still
        here. Look at what differs, and put their changes into your text.
      </p>
      <DifferenceView label={`From version ${stored.version} to yours`} before={stored.text ?? ""} after={compared} />
      <div class="buttons">
        <button type="button" class="small" onClick={() => onGoOn({ ...edited, seen: stored.version })}>
          I have seen version {stored.version}: go on with my text
        </button>
        <button type="button" class="small secondary" onClick={onTakeTheirs}>
          Drop mine, and take version {stored.version}
        </button>
      </div>
    </section>
  );
}
