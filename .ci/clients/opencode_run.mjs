// The command opencode with one of its tools, bash, in an empty folder. It reads its settings from the environment.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const provider = {
  npm: "@ai-sdk/openai-compatible",
  options: { baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY },
  models: { scripted: { tool_call: true, limit: { context: 200000, output: 1000 } } },
};
const config = {
  provider: { "chat-api": provider },
  model: "chat-api/scripted",
  small_model: "chat-api/scripted",
  tools: { "*": false, bash: true },
  permission: { bash: "allow" },
  autoupdate: false,
  share: "disabled",
};
const folder = mkdtempSync(join(tmpdir(), "opencode-"));
const env = {
  ...process.env,
  HOME: folder,
  TMPDIR: folder,
  XDG_CONFIG_HOME: folder,
  XDG_DATA_HOME: folder,
  XDG_STATE_HOME: folder,
  XDG_CACHE_HOME: folder,
  OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
  // Else it fetches a list of models from another host.
  OPENCODE_DISABLE_MODELS_FETCH: "1",
};
const command = fileURLToPath(new URL("node_modules/.bin/opencode", import.meta.url));
try {
  const said = execFileSync(command, ["run", "How is the weather?"], { cwd: folder, env, encoding: "utf8" });
  console.log("agent:", said.trim().split("\n").at(-1));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
