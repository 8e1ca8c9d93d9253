/** The way to the other pages: a row of links, or a menu where the page is narrow. */

import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "wouter-preact";

export interface PageLink {
  path: string;
  label: string;
}

export function Menu({ pages }: { pages: PageLink[] }) {
  const [location] = useLocation();
  const menu = useRef<HTMLDetailsElement>(null);
  // A page may also change by the browser's way back.
  useEffect(() => menu.current?.removeAttribute("open"), [location]);
  useEffect(() => {
    const closeOutside = ({ target }: Event) => {
      if (target instanceof Node && !menu.current?.contains(target)) menu.current?.removeAttribute("open");
    };
    document.addEventListener("pointerdown", closeOutside);
    return () => document.removeEventListener("pointerdown", closeOutside);
  }, []);
  const close = () => {
    menu.current?.removeAttribute("open");
    menu.current?.querySelector("summary")?.focus();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape" && menu.current?.open === true) close();
  };
  const links = (onChoose?: () => void) =>
    pages.map(({ path, label }) => {
      const isCurrent = isWithin(location, path);
      return (
        <li key={path}>
          {/* The choice of the current page changes no address, and so closes nothing by itself. */}
          <a href={`#${path}`} aria-current={isCurrent ? "page" : undefined} onClick={isCurrent ? onChoose : undefined}>
            {label}
          </a>
        </li>
      );
    });
  return (
    <nav aria-label="Pages">
      <details ref={menu} class="menu" onKeyDown={press}>
        <summary>Menu</summary>
        <ul>{links(close)}</ul>
      </details>
      <ul class="bar">{links()}</ul>
    </nav>
  );
}

function isWithin(location: string, path: string): boolean {
  const [, first] = path.split("/");
  return location === path || location.startsWith(`/${first}/`) || location === `/${first}`;
}
