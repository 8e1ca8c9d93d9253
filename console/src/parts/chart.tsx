/**
 * Amounts by day as stacked bars, with a legend and a table of the same numbers, which is the chart's text. The canvas and its
 * code are loaded when the first chart is shown.
 */

import { useState } from "preact/hooks";
import { Amount } from "./amounts.tsx";
import { writtenDay } from "./days.ts";
import { lazily } from "./lazily.tsx";
import { Table } from "./table.tsx";
import "../style/chart.css";

export interface DaySeries {
  label: string;
  /** An amount for each day. */
  values: number[];
}

interface Props {
  /** The name of the amounts: "Credits by day". */
  label: string;
  /** Days of UTC without a gap, the oldest first. */
  days: string[];
  /** At most six: more than that no eye tells apart. */
  series: DaySeries[];
}

const Plot = lazily(async () => (await import("./plot.tsx")).Plot);

export function DayChart({ label, days, series }: Props) {
  const [chosen, setChosen] = useState<number | null>(null);
  const day = chosen === null ? undefined : days[chosen];
  return (
    <figure class="chart">
      <figcaption>
        <strong>{label}</strong>
        <span class="muted">{day === undefined ? "of all days" : writtenDay(day)}</span>
      </figcaption>
      <Plot label={label} days={days} series={series} chosen={chosen} onChoose={setChosen} />
      <ul class="legend">
        {series.map(({ label, values }, index) => (
          <li key={label}>
            <span class={`swatch series-${index + 1}`} aria-hidden="true" />
            <bdi>{label}</bdi> <Amount value={day === undefined ? sumOf(values) : (values[chosen ?? 0] ?? 0)} />
          </li>
        ))}
      </ul>
      <DayTable label={label} days={days} series={series} />
    </figure>
  );
}

function DayTable({ label, days, series }: Props) {
  const [isOpen, setOpen] = useState(false);
  const rows = days.map((day, index) => ({ day, amounts: series.map(({ values }) => values[index] ?? 0) })).reverse();
  const withSomething = rows.filter(({ amounts }) => sumOf(amounts) > 0);
  const isSplit = series.length > 1;
  const head = (
    <>
      <th scope="col">Day</th>
      {series.map(({ label }) => (
        <th key={label} scope="col" class="number">
          <bdi>{label}</bdi>
        </th>
      ))}
      {isSplit && (
        <th scope="col" class="number">
          Sum
        </th>
      )}
    </>
  );
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The chart as a table</summary>
      {isOpen && (
        <Table label={label} head={head}>
          {withSomething.map(({ day, amounts }) => (
            <tr key={day}>
              <th scope="row">{writtenDay(day)}</th>
              {amounts.map((amount, index) => (
                <td key={series[index]?.label} class="number">
                  <Amount value={amount} />
                </td>
              ))}
              {isSplit && (
                <td class="number">
                  <Amount value={sumOf(amounts)} />
                </td>
              )}
            </tr>
          ))}
        </Table>
      )}
      {isOpen && withSomething.length < days.length && <p class="muted">Days that are not listed have nothing.</p>}
    </details>
  );
}

function sumOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
