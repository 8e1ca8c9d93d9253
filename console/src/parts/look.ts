/** The look of the page, for a canvas, which does not change with it by itself. */

import { useEffect, useState } from "preact/hooks";

const CHANGES = ["(prefers-color-scheme: dark)", "(forced-colors: active)"];

/** A number that changes with the theme and with the system's colours. */
export function useLook(): number {
  const [look, setLook] = useState(0);
  useEffect(() => {
    const change = () => setLook((look) => look + 1);
    const queries = CHANGES.map((query) => matchMedia(query));
    const theme = new MutationObserver(change);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    for (const query of queries) query.addEventListener("change", change);
    return () => {
      theme.disconnect();
      for (const query of queries) query.removeEventListener("change", change);
    };
  }, []);
  return look;
}
