/**
 * The root of the API: above the folder of this file, whether that is on a domain, below a stage of API Gateway, or on a laptop. The
 * address of the page would not do, since a stage may be opened without its final slash.
 */

export const BASE = import.meta.env.DEV ? new URL("/", location.href) : new URL("../", import.meta.url);

/** The address of a path of the API, which has no slash in front: `login/`. */
export function addressOf(path: string): string {
  return new URL(path, BASE).href;
}

/** A name in the scope of this deployment: another one may share the origin, and with it stores, channels and locks. */
export function scoped(name: string): string {
  return `chat-api ${BASE.pathname} ${name}`;
}
