/** Numbers and times, in the reader's own manner. */

const NUMBER = new Intl.NumberFormat();
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A number of credits, tokens or requests. */
export function Amount({ value, unit }: { value: number; unit?: string }) {
  return (
    <span class="amount">
      {NUMBER.format(value)}
      {unit !== undefined && ` ${unit}`}
    </span>
  );
}

/** "1 credit", "98 credits". */
export function credits(value: number): string {
  return `${NUMBER.format(value)} ${Math.abs(value) === 1 ? "credit" : "credits"}`;
}

/** A time of the API's, by the reader's clock. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {MOMENT.format(new Date(at))}
    </time>
  );
}
