// The command claude, which edits a file in an empty folder. It reads its address and key from the environment.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("node_modules/.bin/claude", import.meta.url));
let tokens = 0;

// Says what the agent replied, and what is in the file then.
function edit(credentials) {
  const folder = mkdtempSync(join(tmpdir(), "claude-code-"));
  const file = join(folder, "greeting.txt");
  writeFileSync(file, "Hello\n");
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    TMPDIR: folder,
    ANTHROPIC_BASE_URL: process.env.ANTHROPIC_BASE_URL,
    ANTHROPIC_MODEL: "scripted",
    ANTHROPIC_SMALL_FAST_MODEL: "scripted",
    // Else it asks other hosts for updates and settings.
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    ...credentials,
  };
  const question = `Replace Hello by Goodbye in ${file}.`;
  const options = ["--print", question, "--permission-mode", "acceptEdits", "--output-format", "json"];
  try {
    const stdio = ["ignore", "pipe", "inherit"];
    const said = JSON.parse(execFileSync(command, options, { cwd: folder, env, encoding: "utf8", stdio }));
    for (const used of Object.values(said.modelUsage)) {
      tokens += used.inputTokens + used.cacheReadInputTokens + used.cacheCreationInputTokens + used.outputTokens;
    }
    return [said.result, readFileSync(file, "utf8").trim()];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const key = process.env.ANTHROPIC_API_KEY;
const [said, edited] = edit({ ANTHROPIC_API_KEY: key });
console.log("agent:", said);
console.log("edited:", edited);
// The same key in the other header.
console.log("edited with a token:", edit({ ANTHROPIC_AUTH_TOKEN: key })[1]);
console.log("tokens:", tokens);
