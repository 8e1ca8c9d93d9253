/**
 * Codes that are being made, or were made and not saved yet. They stay in the memory of this page, and nowhere else, while the person
 * looks at other pages, and the browser asks before it closes the tab.
 */

import { computed, effect, signal } from "@preact/signals";
import type { Schema } from "../../api/client.ts";
import { onSignedOut } from "../../session/session.ts";

type Made = Schema<"MadeVouchers">;

const unsaved = signal<readonly Made[]>([]);
/** Requests that are out. */
const requests = signal(0);
onSignedOut(() => {
  unsaved.value = [];
});

export const unsavedCodes = computed(() => unsaved.value);
export const codesAreUnderWay = computed(() => requests.value > 0);

/** Counts a request until it is over. */
export async function whileMaking<T>(make: () => Promise<T>): Promise<T> {
  requests.value += 1;
  try {
    return await make();
  } finally {
    requests.value -= 1;
  }
}

export function keepCodes(made: Made): void {
  unsaved.value = [made, ...unsaved.value];
}

export function codesAreSaved(id: string): void {
  unsaved.value = unsaved.value.filter((made) => made.id !== id);
}

const ask = (event: BeforeUnloadEvent) => event.preventDefault();
effect(() => {
  if (unsaved.value.length > 0 || codesAreUnderWay.value) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
});
