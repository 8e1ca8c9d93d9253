/** The file of a bulk grant: docs/operating.md, "Bulk grants". */

/** Most rows of one file. */
export const MOST_ROWS = 1000;

/** A bulk grant that was made here. The ids in its file are made once, so that the file can be sent any number of times. */
export interface BulkGrant {
  csv: string;
  rows: number;
  amount: number;
  reason: string;
}

/** A grant of `amount` to each of `usernames`. `batch` is a text that no other file has, and each row's id begins with it. */
export function bulkGrant(usernames: readonly string[], amount: number, reason: string, batch: string): BulkGrant {
  const rows = usernames.map((name, place) => [`${batch}-${place + 1}`, name, `${amount}`, reason].map(cell).join(","));
  return { csv: ["id,username,amount,reason", ...rows, ""].join("\r\n"), rows: rows.length, amount, reason };
}

/** A cell of RFC 4180. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
