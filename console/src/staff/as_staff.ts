/** Reads and acts of staff. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/preact-query";
import { isProblem } from "../api/problem.ts";
import { accountQuery, balanceHasChanged, queryClient } from "../api/queries.ts";
import { withRecentLogin } from "../session/session.ts";

/** All that staff have read is below this key. */
const STAFF = "staff";

/**
 * The result of `call`. A person who is no longer a superuser gets the 404 of a path that is not there: the account is read
 * again after a 404, and without its `staff` these pages are gone.
 */
export async function asStaff<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isProblem(error, "not_found")) void queryClient.invalidateQueries({ queryKey: accountQuery.queryKey });
    throw error;
  }
}

/** Timeout of an act that is done, for the reads that it made out of date. */
const MOST_READING_MS = 5000;

/**
 * Does an act of staff, after the password if the act wants a login of the last minutes. What was read before is out of date then:
 * an act is over when that was read again, so that no page shows what it was before.
 */
export async function act<T>(call: () => Promise<T>): Promise<T> {
  let done: T;
  try {
    done = await asStaff(() => withRecentLogin(call));
  } catch (error) {
    // The outcome of an act without an answer is not known.
    void readAgain();
    throw error;
  }
  await Promise.race([readAgain(), new Promise((resolve) => setTimeout(resolve, MOST_READING_MS))]);
  return done;
}

function readAgain(): Promise<void> {
  balanceHasChanged();
  return queryClient.invalidateQueries({ queryKey: [STAFF] });
}

/** A read of one thing. */
export function oneQuery<T>(key: readonly unknown[], read: () => Promise<T>) {
  return queryOptions({ queryKey: [STAFF, ...key], queryFn: () => asStaff(read) });
}

/** A read of a list, page by page. `read` gets the cursor as a member of its query, which the first page has not. */
export function listQuery<P extends { next: string | null }>(
  key: readonly unknown[],
  read: (page: { cursor?: string }) => Promise<P>,
) {
  return infiniteQueryOptions({
    queryKey: [STAFF, ...key],
    queryFn: ({ pageParam }) => asStaff(() => read(pageParam === "" ? {} : { cursor: pageParam })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

/** The members that are not blank, as a query of the API wants them. */
export function filled<T extends object>(members: T): Filled<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== "")) as Filled<T>;
}

type Filled<T> = { [Name in keyof T]?: Exclude<T[Name], ""> };
