/** The view of the page of usage, as in the address `#/usage?from=2026-11-01&to=2026-11-27&of=requests&by=key`. */

import { addDays, faultOf, firstOfMonth, type Period } from "../../parts/days.ts";

export const MEASURES = [
  { value: "credits", label: "Credits" },
  { value: "requests", label: "Messages" },
  { value: "input_tokens", label: "Tokens read" },
  { value: "output_tokens", label: "Tokens written" },
] as const;
export type Measure = (typeof MEASURES)[number]["value"];

export const SPLITS = [
  { value: "model", label: "Model" },
  { value: "key", label: "API key" },
] as const;
export type Split = (typeof SPLITS)[number]["value"];

export const PRESETS = [
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "month", label: "This month" },
] as const;
export type Preset = (typeof PRESETS)[number]["value"];

export interface UsageView {
  period: Period;
  measure: Measure;
  split: Split;
}

/** The period of a preset that ends today. */
export function periodOf(preset: Preset, today: string): Period {
  if (preset === "month") return { from: firstOfMonth(today), to: today };
  return { from: addDays(today, 1 - Number(preset)), to: today };
}

/** The preset that a period is, or none. */
export function presetOf(period: Period, today: string): Preset | null {
  const found = PRESETS.find(({ value }) => {
    const { from, to } = periodOf(value, today);
    return from === period.from && to === period.to;
  });
  return found?.value ?? null;
}

/** The view of an address. An absent or wrong member is as usual: thirty days, credits, by model. */
export function viewOf(address: URLSearchParams, today: string): UsageView {
  const asked = { from: address.get("from") ?? "", to: address.get("to") ?? "" };
  return {
    period: faultOf(asked) === null ? asked : periodOf("30", today),
    measure: MEASURES.find(({ value }) => value === address.get("of"))?.value ?? "credits",
    split: SPLITS.find(({ value }) => value === address.get("by"))?.value ?? "model",
  };
}

/** The address of a view. */
export function queryOf({ period, measure, split }: UsageView): Record<string, string> {
  return { ...period, of: measure, by: split };
}
