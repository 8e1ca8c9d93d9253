/** A table that scrolls sideways by itself where the page is narrow, also by keyboard. */

import type { ComponentChildren } from "preact";

export function Table(props: { label: string; head: ComponentChildren; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard (axe, scrollable-region-focusable).
    <section class="table" aria-label={props.label} tabIndex={0}>
      <table>
        <thead>
          <tr>{props.head}</tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </section>
  );
}
