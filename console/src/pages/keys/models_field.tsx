/** The models that a key may ask: all, or those that are ticked. */

import { useQuery } from "@tanstack/preact-query";
import { useId, useState } from "preact/hooks";
import { modelsQuery } from "../../api/queries.ts";
import { useFieldErrors } from "../../parts/form_errors.tsx";
import { QueryView } from "../../parts/query_view.tsx";

/** Most models of one key. */
const MOST_MODELS = 20;
/** From so many models on, there is a field to find one. */
const MANY_MODELS = 10;

export function ModelsField({ chosen }: { chosen: string[] }) {
  const models = useQuery(modelsQuery);
  const [ticked, setTicked] = useState(new Set(chosen));
  const notes = useId();
  const errors = useFieldErrors("models");
  const tick = (id: string, isTicked: boolean) => {
    const next = new Set(ticked);
    if (isTicked) next.add(id);
    else next.delete(id);
    setTicked(next);
  };
  return (
    <fieldset class="field models" aria-describedby={notes}>
      <legend>Models</legend>
      <QueryView query={models}>
        {/* A model that is gone from the catalogue stays ticked, until it is taken away here. */}
        {(models) => (
          <Boxes ids={[...new Set([...models.map(({ id }) => id), ...chosen])]} ticked={ticked} onTick={tick} />
        )}
      </QueryView>
      <div id={notes} class="notes">
        {[...errors, ...(ticked.size > MOST_MODELS ? [`A key has at most ${MOST_MODELS} models.`] : [])].map(
          (error) => (
            <small key={error} class="error">
              {error}
            </small>
          ),
        )}
        <small>
          {ticked.size === 0 ? "None is ticked: the key may ask all." : `${ticked.size} of at most ${MOST_MODELS}.`} A
          model's fallbacks answer only if they are ticked too.
        </small>
      </div>
    </fieldset>
  );
}

interface BoxesProps {
  ids: string[];
  ticked: Set<string>;
  onTick: (id: string, isTicked: boolean) => void;
}

function Boxes({ ids, ticked, onTick }: BoxesProps) {
  const [sought, setSought] = useState("");
  const isFound = (id: string) => id.toLowerCase().includes(sought.trim().toLowerCase());
  return (
    <>
      {ids.length >= MANY_MODELS && (
        <input
          type="search"
          aria-label="Find a model"
          placeholder="Find a model"
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
      )}
      <div class="boxes">
        {ids.map((id) => (
          // What is ticked is sent also where it is not found: it is hidden, and not taken away.
          <label key={id} hidden={!isFound(id)}>
            <input
              type="checkbox"
              name="models"
              value={id}
              checked={ticked.has(id)}
              onChange={(event) => onTick(id, event.currentTarget.checked)}
            />
            <bdi>{id}</bdi>
          </label>
        ))}
      </div>
    </>
  );
}
