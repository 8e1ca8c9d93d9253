/** Redeems a voucher once, also where an answer is lost on the way. */

import { answered, api } from "../../api/client.ts";
import { isProblem, outcomeIsUnknown } from "../../api/problem.ts";

/** A redeemed code. */
export interface Redeemed {
  /** The balance afterwards; `null` if the answer that had it was lost. */
  balance: number | null;
}

type Send = (code: string) => Promise<{ tokens: number }>;

const PAUSES_MS = [1000, 3000];

/** Codes whose request got no answer, or an answer that leaves the outcome open. */
export type Unanswered = Set<string>;

/**
 * Sends a code. While the outcome is unknown, the code is sent again: `already_redeemed` then says that the first request redeemed
 * it. A code whose outcome stays unknown is added to `unanswered`, for the person's next try.
 */
export async function redeem(
  code: string,
  unanswered: Unanswered,
  send: Send = post,
  pauses = PAUSES_MS,
): Promise<Redeemed> {
  for (let tries = 0; ; tries += 1) {
    try {
      const { tokens } = await send(code);
      unanswered.delete(code);
      return { balance: tokens };
    } catch (error) {
      if (unanswered.has(code) && isProblem(error, "already_redeemed")) {
        unanswered.delete(code);
        return { balance: null };
      }
      if (!outcomeIsUnknown(error)) throw error;
      unanswered.add(code);
      const pause = pauses[tries];
      if (pause === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function post(code: string): Promise<{ tokens: number }> {
  return answered(api.POST("/vouchers/redeem/", { body: { code } }));
}
