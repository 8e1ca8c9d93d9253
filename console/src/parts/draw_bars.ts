/** Stacked bars by uPlot, which knows no stacks: the highest sums are drawn first, and the smaller ones before them. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { DaySeries } from "./chart.tsx";
import { shortDay } from "./days.ts";

const HEIGHT_PX = 240;
/** The room that a day's name needs below the axis. */
const NAME_PX = 64;
/** Days between two names on the axis. */
const STEPS = [1, 2, 7, 14, 28, 56, 122, 183];
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact" });

interface Data {
  days: string[];
  series: DaySeries[];
}

export interface Drawn {
  plot: uPlot;
  destroy(): void;
}

/** Draws into `place`, as wide as it is, until it is destroyed. */
export function draw(place: HTMLElement, data: Data, onChoose: (index: number | null) => void): Drawn {
  const plot = new uPlot(optionsFor(place, data, onChoose), stacked(data), place);
  const watch = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
  watch.observe(place);
  return {
    plot,
    destroy() {
      watch.disconnect();
      plot.destroy();
    },
  };
}

/** The places of the days, and the sums up to each series, the sum of all first. */
export function stacked({ days, series }: Data): uPlot.AlignedData {
  const sums: number[][] = [];
  for (const { values } of series) {
    const below = sums.at(-1);
    sums.push(days.map((_, index) => (below?.[index] ?? 0) + (values[index] ?? 0)));
  }
  return [days.map((_, index) => index), ...sums.reverse()];
}

function optionsFor(
  place: HTMLElement,
  { days, series }: Data,
  onChoose: (index: number | null) => void,
): uPlot.Options {
  const surface = colourOf(place, "surface-colour");
  const text = colourOf(place, "muted");
  const line = { stroke: colourOf(place, "line-colour"), width: 1 };
  const bars = uPlot.paths.bars?.({ size: [0.75, 48] });
  const ofSeries = series.map((_, index): uPlot.Series => {
    const fill = colourOf(place, `series-${index + 1}`);
    // The line in the colour of the ground tells neighbours apart whose colours one eye does not.
    return { fill, stroke: surface, width: 1, points: { show: false }, ...(bars ? { paths: bars } : {}) };
  });
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: { setCursor: [(plot) => onChoose(plot.cursor.idx ?? null)] },
    scales: {
      x: { time: false, range: [-0.5, Math.max(days.length, 1) - 0.5] },
      y: { range: (_, __, most) => [0, uPlot.rangeNum(0, Math.max(most, 1), 0.1, true)[1] ?? 1] },
    },
    axes: [
      {
        stroke: text,
        grid: { show: false },
        ticks: line,
        splits: (plot) => named(days.length, plot.width),
        values: (_, places) => places.map((index) => shortDay(days[index] ?? "")),
      },
      {
        stroke: text,
        grid: line,
        ticks: { show: false },
        incrs: [1, 2, 5]
          .flatMap((each) => Array.from({ length: 15 }, (_, power) => each * 10 ** power))
          .sort((a, b) => a - b),
        values: (_, amounts) => amounts.map((amount) => COMPACT.format(amount)),
      },
    ],
    series: [{}, ...ofSeries.reverse()],
  };
}

/** The days whose names stand below the axis: the last one, and those before it that have room. */
export function named(days: number, widthPx: number): number[] {
  const room = Math.max(Math.floor(widthPx / NAME_PX), 1);
  const step = STEPS.find((step) => days / step <= room) ?? days;
  const places: number[] = [];
  for (let place = days - 1; place >= 0; place -= step) places.unshift(place);
  return places;
}

/** A colour of the style sheet. A canvas cannot read it where it stands, and a page of forced colours has the system's. */
function colourOf(place: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.className = name;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
