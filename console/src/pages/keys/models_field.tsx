/** The models that a key may ask: all, or the ticked ones. */

import { useQuery } from "@tanstack/preact-query";
import { useId, useState } from "preact/hooks";
import { modelsQuery } from "../../api/queries.ts";
import { useFieldErrors } from "../../parts/form_errors.tsx";
import { QueryView } from "../../parts/query_view.tsx";

/** Most models of one key. */
const MOST_MODELS = 20;
/** Models from which on there is a field to find one. */
const MANY_MODELS = 10;

interface Props {
  /** The models that are ticked when the form is opened. */
  ticked: string[];
  /** The models that the key has now. They are offered also where they are gone from the catalogue. */
  known: string[];
}

export function ModelsField(props: Props) {
  const models = useQuery(modelsQuery);
  const [ticked, setTicked] = useState(new Set(props.ticked));
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
      {/* Until there are boxes, a form that is sent must not say that the key may ask all models. */}
      {models.data === undefined && [...ticked].map((id) => <input key={id} type="hidden" name="models" value={id} />)}
      <QueryView query={models}>
        {(models) => (
          <Boxes
            ids={[...new Set([...models.map(({ id }) => id), ...props.known, ...props.ticked])]}
            ticked={ticked}
            onTick={tick}
          />
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
          // A ticked model that the search does not find is hidden, and still sent.
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
