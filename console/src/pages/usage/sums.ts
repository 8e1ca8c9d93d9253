/** Sums over the rows of `GET /usage/`. */

import type { Schema } from "../../api/client.ts";
import type { DaySeries } from "../../parts/chart.tsx";
import { endedKeyName } from "../../parts/ids.ts";
import type { Measure, Split } from "./view.ts";

export type UsageRow = Schema<"UsageRow">;

export type Sums = Record<Measure, number>;

/** The sums of the rows that are equal in a model or a key. */
export interface Group {
  /** The id of the model or the key; `null` for no key, and for a model that was not stored. */
  id: string | null;
  label: string;
  sums: Sums;
}

/** Groups that a chart shows by themselves. All others are one series. */
const MOST_SERIES = 5;
const NO_SUMS: Sums = { credits: 0, requests: 0, input_tokens: 0, output_tokens: 0 };

function plus(sums: Sums, row: Sums): Sums {
  return {
    credits: sums.credits + row.credits,
    requests: sums.requests + row.requests,
    input_tokens: sums.input_tokens + row.input_tokens,
    output_tokens: sums.output_tokens + row.output_tokens,
  };
}

export function sumOf(rows: UsageRow[]): Sums {
  return rows.reduce(plus, NO_SUMS);
}

function idOf(row: UsageRow, split: Split): string | null {
  return (split === "model" ? row.model : row.key_id) ?? null;
}

function labelOf(row: UsageRow, split: Split): string {
  if (split === "model") return row.model ?? "not stored";
  if (row.key_id == null) return "Without a key";
  return row.key_name ?? endedKeyName(row.key_id);
}

/** The groups of the rows, the dearest first. */
export function groupsOf(rows: UsageRow[], split: Split): Group[] {
  const groups = new Map<string | null, Group>();
  for (const row of rows) {
    const id = idOf(row, split);
    const { label, sums } = groups.get(id) ?? { label: labelOf(row, split), sums: NO_SUMS };
    groups.set(id, { id, label, sums: plus(sums, row) });
  }
  return [...groups.values()].sort((a, b) => b.sums.credits - a.sums.credits || b.sums.requests - a.sums.requests);
}

/** The series of a chart: a group each, the largest first, and all further groups as one. */
export function seriesOf(rows: UsageRow[], days: string[], split: Split, measure: Measure): DaySeries[] {
  const places = new Map(days.map((day, index) => [day, index]));
  const bySize = groupsOf(rows, split).sort((a, b) => b.sums[measure] - a.sums[measure]);
  const isOneMore = bySize.length === MOST_SERIES + 1;
  const shown = bySize.slice(0, isOneMore ? MOST_SERIES + 1 : MOST_SERIES);
  const series = shown.map(({ label }) => ({ label, values: days.map(() => 0) }));
  const indexes = new Map(shown.map(({ id }, index) => [id, index]));
  if (bySize.length > shown.length) series.push({ label: "All others", values: days.map(() => 0) });
  for (const row of rows) {
    const place = places.get(row.day ?? "");
    const values = series[indexes.get(idOf(row, split)) ?? MOST_SERIES]?.values;
    if (place !== undefined && values !== undefined) values[place] = (values[place] ?? 0) + row[measure];
  }
  return apart(series);
}

/** Names may be given twice. A number tells them apart. */
function apart(series: DaySeries[]): DaySeries[] {
  const seen = new Map<string, number>();
  return series.map(({ label, values }) => {
    const times = (seen.get(label) ?? 0) + 1;
    seen.set(label, times);
    return { label: times === 1 ? label : `${label} (${times})`, values };
  });
}
