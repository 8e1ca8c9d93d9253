/** The focus after its element is gone. A dialog sees to that itself: parts/dialog.tsx. */

import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Focuses `place`, or else the heading of the page, if the button that was pressed goes with its act. */
export function keepFocus(place: () => HTMLElement | null | undefined = () => null): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    (place() ?? document.querySelector("h1"))?.focus();
  });
}

/**
 * Focuses the first field of a form that opens within the page, since browsers heed `autofocus` only when a page or a dialog opens.
 * When the form closes, the first button of the card around it has the focus.
 */
export function useOpened<T extends HTMLElement>(): RefObject<T> {
  const opened = useRef<T>(null);
  useEffect(() => {
    const card = opened.current?.parentElement?.closest("article");
    opened.current?.querySelector<HTMLElement>("input, select, textarea")?.focus();
    return () => keepFocus(() => card?.querySelector("button"));
  }, []);
  return opened;
}
