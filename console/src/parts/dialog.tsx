/** A modal dialog. The browser keeps the focus inside, closes it on Escape, and the focus returns where it was. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Announcements } from "./announcer.tsx";

export function Dialog(props: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isMounted = useRef(true);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      isMounted.current = false;
      // While the dialog is open nothing behind it takes the focus.
      shown?.close();
      if (before instanceof HTMLElement) before.focus();
      // The act may have taken away what opened the dialog, such as a row of a list.
      requestAnimationFrame(() => {
        if (document.activeElement === document.body) document.querySelector("h1")?.focus();
      });
    };
  }, []);
  /** Chromium closes a dialog on a second Escape without asking. It stays open for as long as the page shows it. */
  const closed = () => {
    if (!isMounted.current) return;
    dialog.current?.showModal();
    props.onClose();
  };
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "wide" : ""}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClose={closed}
    >
      <article>
        <header>
          <h2 id={heading}>{props.title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={props.onClose}>
            <span aria-hidden="true">×</span>
          </button>
        </header>
        {props.children}
      </article>
      {/* The rest of the page is silent while a modal dialog is open. */}
      <Announcements />
    </dialog>
  );
}
