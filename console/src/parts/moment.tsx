/** Times, in the reader's own manner. */

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A time of the API's, by the reader's clock. A text that is no time is shown as it is. */
export function Moment({ at }: { at: string }) {
  const moment = new Date(at);
  return (
    <time dateTime={at} title={at}>
      {Number.isNaN(moment.getTime()) ? at : MOMENT.format(moment)}
    </time>
  );
}
