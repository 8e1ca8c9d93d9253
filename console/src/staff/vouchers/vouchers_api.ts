/** Vouchers and invitations at the API. */

import { answered, api, type Schema } from "../../api/client.ts";
import { act, listQuery, oneQuery } from "../as_staff.ts";

export type Batch = Schema<"VoucherBatch">;

export const batchesQuery = listQuery(["vouchers"], (page) =>
  answered(api.GET("/admin/vouchers/", { params: { query: page } })),
);

export function batchQuery(id: string) {
  return oneQuery(["voucher", id], () => answered(api.GET("/admin/vouchers/{id}/", { params: { path: { id } } })));
}

/** The batch that was made last, if there is any. */
export async function newestBatch(): Promise<Batch | null> {
  const { batches } = await answered(api.GET("/admin/vouchers/", { params: { query: { limit: 1 } } }));
  return batches[0] ?? null;
}

/** Makes a batch. `onMade` gets its codes as soon as they are there, before anything else is read. */
export function makeBatch(terms: Schema<"NewVouchers">, onMade: (made: Schema<"MadeVouchers">) => void): Promise<void> {
  return act(async () => onMade(await answered(api.POST("/admin/vouchers/", { body: terms }))));
}

export function endBatch(id: string): Promise<unknown> {
  return act(() => answered(api.DELETE("/admin/vouchers/{id}/", { params: { path: { id } } })));
}

/** Whether the codes of a batch can still be used, at `now`. */
export function stateOf(batch: Pick<Batch, "ended_at" | "expires_at">, now: number): "open" | "ended" | "expired" {
  if (batch.ended_at !== null) return "ended";
  return batch.expires_at !== null && Date.parse(batch.expires_at) <= now ? "expired" : "open";
}
