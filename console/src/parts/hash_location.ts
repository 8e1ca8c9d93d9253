/**
 * The location that the router reads: a path and a query behind the `#`, such as `#/transactions?kind=chat`. wouter's own hook writes the query in
 * front of the `#`: there it would go to the server, and stay when another page is opened.
 */

import { useLayoutEffect, useState } from "preact/hooks";

/** The path and the query of a hash. */
export function locationIn(hash: string): { path: string; query: string } {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  return { path: `/${path}`, query };
}

const pathNow = () => locationIn(location.hash).path;
const queryNow = () => locationIn(location.hash).query;

function useHash(read: () => string): string {
  const [value, setValue] = useState(read);
  useLayoutEffect(() => {
    const look = () => setValue(read());
    look();
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, [read]);
  return value;
}

function navigate(to: string, { replace = false } = {}): void {
  const before = location.href;
  history[replace ? "replaceState" : "pushState"](null, "", `#${to}`);
  // The browser tells of a changed hash only where a person changed it.
  dispatchEvent(new HashChangeEvent("hashchange", { oldURL: before, newURL: location.href }));
}

export function useHashLocation(): [string, typeof navigate] {
  return [useHash(pathNow), navigate];
}

useHashLocation.searchHook = () => useHash(queryNow);
useHashLocation.hrefs = (href: string) => `#${href}`;
