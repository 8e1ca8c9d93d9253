/** The terms of codes that are to be made, as a form has them. */

import type { Schema } from "../../api/client.ts";

export function termsIn(fields: FormData): Schema<"NewVouchers"> {
  const text = (name: string) => `${fields.get(name) ?? ""}`.trim();
  const [note, expires_at] = [text("note"), text("expires_at")];
  return {
    kind: text("kind") === "invitation" ? "invitation" : "credits",
    amount: Number(text("amount")),
    count: Number(text("count")),
    uses: Number(text("uses")),
    ...(note === "" ? {} : { note }),
    ...(expires_at === "" ? {} : { expires_at }),
  };
}

/** The codes as a file: a line each, after the name of the column. */
export function codesAsTable(codes: readonly string[]): string {
  return ["number,code", ...codes.map((code, place) => `${place + 1},${code}`), ""].join("\r\n");
}
