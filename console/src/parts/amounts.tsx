/** Numbers, in the reader's own manner. */

const NUMBER = new Intl.NumberFormat();

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
