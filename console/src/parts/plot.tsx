/** The canvas of a chart. Its day is chosen by the pointer or, as on a slider, by keys. */

import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import type { DaySeries } from "./chart.tsx";
import { writtenDay } from "./days.ts";
import { draw } from "./draw_bars.ts";
import { useLook } from "./look.ts";

interface Props {
  label: string;
  days: string[];
  series: DaySeries[];
  /** The index of the day that the cursor is at. */
  chosen: number | null;
  onChoose: (index: number | null) => void;
}

const NUMBER = new Intl.NumberFormat();
const WEEK = 7;

export function Plot({ label, days, series, chosen, onChoose }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const look = useLook();
  // Drawn anew with each look: it has other colours, which a canvas does not take by itself.
  useEffect(() => {
    if (place.current === null) return;
    const drawn = draw(place.current, { days, series }, onChoose);
    plot.current = drawn.plot;
    return () => {
      plot.current = null;
      drawn.destroy();
    };
  }, [days, series, onChoose, look]);
  const last = days.length - 1;
  const choose = (index: number) => {
    const within = Math.min(Math.max(index, 0), last);
    onChoose(within);
    plot.current?.setCursor({ left: plot.current.valToPos(within, "x"), top: 0 }, false);
  };
  const press = (event: KeyboardEvent) => {
    const at = chosen ?? last + 1;
    const goals: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - WEEK,
      PageUp: at + WEEK,
      Home: 0,
      End: last,
    };
    const goal = goals[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    choose(goal);
  };
  return (
    <div
      ref={place}
      class="plot"
      role="slider"
      tabIndex={0}
      aria-label={`${label}: the day`}
      aria-valuemin={0}
      aria-valuemax={Math.max(last, 0)}
      aria-valuenow={chosen ?? last}
      aria-valuetext={textOf(days, series, chosen)}
      onKeyDown={press}
      onBlur={() => onChoose(null)}
    />
  );
}

/** The text of the chart for a day, or for all. */
function textOf(days: string[], series: DaySeries[], chosen: number | null): string {
  const day = chosen === null ? undefined : days[chosen];
  const amountOf = ({ values }: DaySeries) =>
    chosen === null ? values.reduce((sum, value) => sum + value, 0) : (values[chosen] ?? 0);
  const amounts = series.map((each) => `${each.label} ${NUMBER.format(amountOf(each))}`);
  return [day === undefined ? "All days" : writtenDay(day), ...amounts].join(", ");
}
