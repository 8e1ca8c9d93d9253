import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERIFY_SCRIPT } from "./verify_script.ts";

test("the script that people copy is the one of the docs, which CI runs", () => {
  const docs = readFileSync("../docs/receipts.md", "utf8");
  expect(docs).toContain(`\`\`\`python\n${VERIFY_SCRIPT}\`\`\``);
});
