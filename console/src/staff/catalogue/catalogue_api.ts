/** The catalogue of models at the API. Its document goes there and comes back as a text: see document.ts. */

import { answered, api, type Schema } from "../../api/client.ts";
import { ApiProblem, isProblem } from "../../api/problem.ts";
import { act, asStaff, listQuery, oneQuery } from "../as_staff.ts";
import { documentIn } from "./document.ts";

export interface StoredCatalogue {
  version: number;
  changedAt: string | null;
  /** `null` where the settings name the one model. */
  text: string | null;
  /** Why this release cannot read it. */
  errors: Array<Schema<"CatalogueError">>;
  /** The id of the superuser who stored it, in a version of the list. */
  actor: string | null;
}

function storedIn(answer: string): StoredCatalogue {
  const shown: Schema<"ShownCatalogue"> & { actor?: string } = JSON.parse(answer);
  return {
    version: shown.version,
    changedAt: shown.changed_at,
    text: documentIn(answer, "catalogue"),
    errors: shown.errors,
    actor: shown.actor ?? null,
  };
}

export const catalogueQuery = oneQuery(["catalogue"], async () =>
  storedIn(await answered(api.GET("/admin/catalogue/", { parseAs: "text" }))),
);

export function versionQuery(version: number) {
  const params = { path: { version } };
  return oneQuery(["catalogue", "version", version], async () =>
    storedIn(await answered(api.GET("/admin/catalogue/versions/{version}/", { params, parseAs: "text" }))),
  );
}

export const versionsQuery = listQuery(["catalogue", "versions"], (page) =>
  answered(api.GET("/admin/catalogue/versions/", { params: { query: page } })),
);

/** The faults that the server finds in a text that is JSON. */
export function check(text: string): Promise<Schema<"CatalogueJudgement">> {
  const bodySerializer = () => `{"catalogue":${text}}`;
  return asStaff(() => answered(api.POST("/admin/catalogue/check/", { body: { catalogue: null }, bodySerializer })));
}

/** Stores `text`, or `null` for the settings, in place of the version that was seen. */
export function replace(text: string | null, seen: number): Promise<Schema<"ReplacedCatalogue">> {
  const bodySerializer = () => `{"version":${seen},"catalogue":${text ?? "null"}}`;
  return act(() =>
    answered(api.PUT("/admin/catalogue/", { body: { catalogue: null, version: seen }, bodySerializer })),
  );
}

/** The errors of a document that was refused, by their places. */
export function errorsIn(error: unknown): Array<Schema<"CatalogueError">> | null {
  if (!isProblem(error, "invalid_catalogue")) return null;
  return Object.entries(error.errors).flatMap(([path, problems]) => problems.map((problem) => ({ path, problem })));
}

/** Whether somebody else has stored another version. */
export function isChangedByOthers(error: unknown): boolean {
  return error instanceof ApiProblem && error.code === "catalogue_changed";
}
