import { expect, test } from "vitest";
import { bulkGrant } from "./grant_file.ts";

test("each row has an id of its own, and the same amount and reason", () => {
  const { csv, rows } = bulkGrant(["ada", "bob"], -5, "A course", "b1");
  expect(csv).toBe("id,username,amount,reason\r\nb1-1,ada,-5,A course\r\nb1-2,bob,-5,A course\r\n");
  expect(rows).toBe(2);
});

test("commas, quotes and line breaks of a reason stay in their cell", () => {
  const { csv } = bulkGrant(["ada"], 5, 'A "prize",\nat last', "b1");
  expect(csv).toBe('id,username,amount,reason\r\nb1-1,ada,5,"A ""prize"",\nat last"\r\n');
});
