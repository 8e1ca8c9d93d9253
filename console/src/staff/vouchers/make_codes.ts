/** Makes codes. An answer that does not arrive has taken the codes with it: then their batch is looked for, to be ended. */

import type { Schema } from "../../api/client.ts";
import { asStaff } from "../as_staff.ts";
import { isRefusal } from "../kept_act.ts";
import { keepCodes, whileMaking } from "./unsaved_codes.ts";
import { type Batch, makeBatch, newestBatch } from "./vouchers_api.ts";

/** The batch of a request without an answer: one that was not there before. */
export class CodesLost extends Error {
  readonly batch: Batch;

  constructor(batch: Batch) {
    super("The codes were made, and the answer with them did not arrive. They cannot be seen again.");
    this.batch = batch;
  }
}

/** Pauses before the list is read: a request that got no answer may still be carried out. */
const PAUSES_MS = [0, 3000, 7000];

/** Makes codes, and keeps them for the page, whether or not it still shows the form. */
export function makeCodes(terms: Schema<"NewVouchers">, pauses = PAUSES_MS): Promise<void> {
  return whileMaking(async () => {
    const before = await asStaff(newestBatch);
    try {
      await makeBatch(terms, keepCodes);
    } catch (error) {
      if (isRefusal(error)) throw error;
      throw await outcome(before, pauses);
    }
  });
}

async function outcome(before: Batch | null, pauses: readonly number[]): Promise<Error> {
  let isRead = false;
  for (const pause of pauses) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      const newest = await asStaff(newestBatch);
      isRead = true;
      if (newest !== null && newest.id !== before?.id) return new CodesLost(newest);
    } catch {
      // The next look may be answered.
    }
  }
  return new Error(
    isRead
      ? "No answer came. No batch is there yet. Look at the list before you try again."
      : "It is not known whether the codes were made. Look at the newest of the list before you try again.",
  );
}
