/** Days of UTC, as the API counts and writes them: `2026-11-27`. */

export interface Period {
  from: string;
  /** The last day, which belongs to the period. */
  to: string;
}

const DAY_MS = 86_400_000;
/** Most days of a chart or a table, as the API has it too. */
const MOST_DAYS = 366;

const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const SHORT = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

export function dayOf(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

/** Whether a text is a day that there is: 30 February is none, and neither is a year of which only the first digits are typed. */
export function isDay(text: string | null): text is string {
  if (text === null || !/^2\d{3}-\d{2}-\d{2}$/.test(text)) return false;
  const moment = Date.parse(text);
  return !Number.isNaN(moment) && dayOf(moment) === text;
}

export function addDays(day: string, days: number): string {
  return dayOf(Date.parse(day) + days * DAY_MS);
}

/** The first day of the month of `day`. */
export function firstOfMonth(day: string): string {
  return `${day.slice(0, 8)}01`;
}

/** The fault of two dates as a period, while they are typed. */
export function faultOf({ from, to }: Period): string | null {
  if (!isDay(from) || !isDay(to)) return "Give both days.";
  if (from > to) return "The last day is before the first.";
  if (addDays(from, MOST_DAYS) <= to) return `Choose at most ${MOST_DAYS} days.`;
  return null;
}

/** Each day of a period, in order, up to as many as the API sums at once. */
export function daysOf({ from, to }: Period): string[] {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  return Array.from({ length: Math.min(Math.max(count, 0), MOST_DAYS) }, (_, index) => addDays(from, index));
}

/** "27 Nov 2026", in the reader's manner. */
export function writtenDay(day: string): string {
  return LONG.format(Date.parse(day));
}

/** "27 Nov", in the reader's manner. */
export function shortDay(day: string): string {
  return SHORT.format(Date.parse(day));
}
