/** Times, in the reader's own manner. */

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A time of the API's, by the reader's clock. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {MOMENT.format(new Date(at))}
    </time>
  );
}
