/** The models that a person may choose, and what they cost. */

import { signal } from "@preact/signals";
import { scoped } from "../api/base.ts";
import type { Schema } from "../api/client.ts";
import { credits } from "../parts/amounts.tsx";
import { browserStore } from "../parts/store.ts";

export type Model = Schema<"Model">;

const CHOSEN = scoped("model");
const NUMBER = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const MILLION = 1_000_000;

const chosen = signal(browserStore.get(CHOSEN));

export function choose(id: string): void {
  chosen.value = id;
  browserStore.set(CHOSEN, id);
}

/** The models that reply. One that makes embeddings takes no `max_tokens`, and every other one does. */
export function replying(models: Model[]): Model[] {
  return models.filter((model) => model.supported_parameters.includes("max_tokens"));
}

/** The model that was chosen the last time if it is still there, or else the first. */
export function chosenOf(models: Model[]): Model | undefined {
  return models.find(({ id }) => id === chosen.value) ?? models[0];
}

/** The prices in a few words: "1 credit a message", "reads 3, writes 15 credits per million tokens". */
export function pricesOf({ pricing }: Model): string {
  const read = Number(pricing.prompt) * MILLION;
  const write = Number(pricing.completion) * MILLION;
  const request = Number(pricing.request);
  const ofTokens =
    read + write > 0 ? `reads ${NUMBER.format(read)}, writes ${NUMBER.format(write)} credits per million tokens` : null;
  const ofMessage = request > 0 ? `${credits(request)} a message` : null;
  return [ofMessage, ofTokens].filter((price) => price !== null).join(", and ") || "free";
}
