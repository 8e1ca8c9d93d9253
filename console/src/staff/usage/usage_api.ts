/** The sums of messages at the API: of one user, and of all. */

import { infiniteQueryOptions } from "@tanstack/preact-query";
import { answered, api } from "../../api/client.ts";
import type { Period } from "../../parts/days.ts";
import { asStaff } from "../as_staff.ts";

export function usageOfAllQuery({ from, to }: Period) {
  return infiniteQueryOptions({
    queryKey: ["staff", "usage", from, to],
    queryFn: ({ pageParam }) =>
      asStaff(() => answered(api.GET("/admin/usage/", { params: { query: { from: pageParam, to } } }))),
    initialPageParam: from,
    getNextPageParam: (page) => page.next,
  });
}

export function usageOfUserQuery(id: string, { from, to }: Period) {
  const path = { id };
  return infiniteQueryOptions({
    queryKey: ["staff", "usage of user", id, from, to],
    queryFn: ({ pageParam }) =>
      asStaff(() =>
        answered(api.GET("/admin/users/{id}/usage/", { params: { path, query: { from: pageParam, to } } })),
      ),
    initialPageParam: from,
    getNextPageParam: (page) => page.next,
  });
}
