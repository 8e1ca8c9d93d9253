/** The models of a document, with what they cost, as far as the document says it. */

import { valueIn } from "./document.ts";

export const PRICES = ["input", "cached_input", "cache_write", "output", "request", "image"] as const;
export type PriceName = (typeof PRICES)[number];

export interface PricedModel {
  id: string;
  provider: string;
  prices: Partial<Record<PriceName, number>>;
}

export function pricedModels(text: string): PricedModel[] {
  const models = membersOf(valueIn(text)).models;
  return Array.isArray(models) ? models.map(pricedModel) : [];
}

function pricedModel(model: unknown): PricedModel {
  const { id, provider, prices } = membersOf(model);
  const given = membersOf(prices);
  const known = PRICES.flatMap((name) => (typeof given[name] === "number" ? [[name, given[name]]] : []));
  return { id: `${id}`, provider: `${provider}`, prices: Object.fromEntries(known) };
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
