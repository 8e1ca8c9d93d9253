import { expect, test, vi } from "vitest";

// uPlot asks for the screen's resolution as it is loaded, which happy-dom has not.
vi.mock("uplot", () => ({ default: class {} }));
vi.mock("uplot/dist/uPlot.min.css", () => ({}));
const { named, stacked } = await import("./draw_bars.ts");

test("the sum of all series is drawn first, and the first series last, before the others", () => {
  const series = [
    { label: "small", values: [1, 0] },
    { label: "large", values: [10, 5] },
  ];
  expect(stacked({ days: ["2026-11-27", "2026-11-28"], series })).toEqual([
    [0, 1],
    [11, 5],
    [1, 0],
  ]);
});

test("the last day has its name, and the others as they have room", () => {
  expect(named(3, 640)).toEqual([0, 1, 2]);
  expect(named(30, 640)).toEqual([1, 8, 15, 22, 29]);
  expect(named(366, 200)).toHaveLength(3);
  expect(named(0, 640)).toEqual([]);
});
