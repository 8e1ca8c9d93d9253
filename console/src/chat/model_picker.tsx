/** The choice of the model that replies, with the prices of each. Those of the chosen one stand beside it, where no name hides them. */

import { useId } from "preact/hooks";
import { choose, type Model, pricesOf } from "./models.ts";

export function ModelPicker({ models, chosen }: { models: Model[]; chosen: Model }) {
  const prices = useId();
  return (
    <label class="model">
      <span class="sr-only">Model</span>
      <select
        title={chosen.description ?? chosen.id}
        aria-describedby={prices}
        value={chosen.id}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {models.map((model) => (
          <option key={model.id} value={model.id}>
            {model === chosen ? model.id : `${model.id} · ${pricesOf(model)}`}
          </option>
        ))}
      </select>
      <span id={prices}>{pricesOf(chosen)}</span>
    </label>
  );
}
