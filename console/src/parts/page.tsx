/** A page: its title, in the document and as heading, which has the focus after one goes there. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/**
 * Whether the person has clicked or typed anything since the page was loaded: until then the focus is left to the browser. The
 * browser's own `userActivation` would not do, since it outlives a reload.
 */
let hasActed = false;
const act = () => {
  hasActed = true;
};
addEventListener("click", act, { capture: true, once: true });
addEventListener("keydown", act, { capture: true, once: true });

interface Props {
  title: string;
  /** Beside the heading. */
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Page({ title, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · chat-api`;
  }, [title]);
  useEffect(() => {
    // A page whose first field takes the focus keeps it there.
    if (hasActed && !heading.current?.closest("main")?.contains(document.activeElement)) heading.current?.focus();
  }, []);
  return (
    <div class="page">
      <header class="page-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions}
      </header>
      {children}
    </div>
  );
}
