// The command codex, which edits a file in an empty folder, by Responses.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const settings = (model) => `
model = "${model}"
model_provider = "chat-api"

[model_providers.chat-api]
name = "chat-api"
base_url = "${process.env.OPENAI_BASE_URL}"
env_key = "CHAT_API_KEY"
wire_api = "responses"
`;
const command = fileURLToPath(new URL("node_modules/.bin/codex", import.meta.url));
const question = "Replace Hello by Goodbye in greeting.txt.";
let tokens = 0;

// Says what the agent replied, and what is in the file then.
function edit(model) {
  const home = mkdtempSync(join(tmpdir(), "codex-"));
  const folder = join(home, "project");
  mkdirSync(folder);
  writeFileSync(join(home, "config.toml"), settings(model));
  writeFileSync(join(folder, "greeting.txt"), "Hello\n");
  const env = { PATH: process.env.PATH, HOME: home, CODEX_HOME: home, CHAT_API_KEY: process.env.OPENAI_API_KEY };
  const options = ["exec", "--json", "--skip-git-repo-check", "--sandbox", "danger-full-access", question];
  try {
    const stdio = ["ignore", "pipe", "inherit"];
    const lines = execFileSync(command, options, { cwd: folder, env, encoding: "utf8", stdio }).trim().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    const { usage } = events.find(({ type }) => type === "turn.completed");
    tokens += usage.input_tokens + usage.output_tokens;
    const messages = events.map(({ item }) => item).filter((item) => item?.type === "agent_message");
    return [messages.at(-1).text, readFileSync(join(folder, "greeting.txt"), "utf8").trim()];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const [said, edited] = edit("scripted");
console.log("agent:", said);
console.log("edited:", edited);
// Of a model that it knows by name, it asks for a patch as a text that is no JSON.
console.log("edited by a patch:", edit("gpt-5.5")[1]);
console.log("tokens:", tokens);
