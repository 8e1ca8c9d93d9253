/** The settings of programs, with this deployment's address and a key filled in. docs/clients.md has more programs. */

import type { Schema } from "../../api/client.ts";

export type Model = Schema<"Model">;

export const PROGRAMS = [
  { value: "python", label: "Python" },
  { value: "node", label: "Node.js" },
  { value: "curl", label: "curl" },
  { value: "codex", label: "Codex" },
  { value: "claude", label: "Claude Code" },
] as const;
export type Program = (typeof PROGRAMS)[number]["value"];

export interface Settings {
  /** The address of the API, without `v1` and without a slash at its end. */
  address: string;
  key: string;
  model: Model;
}

export interface Snippet {
  /** The place of the text: a file, or a terminal. */
  place: string;
  text: string;
}

/** The place of the key in a snippet, where the key itself is not known any more. */
export const NO_KEY = "sk-YOUR-KEY";

/** The shortest context that the first requests of Codex and Claude Code fit into. */
const ROOM_FOR_AGENTS_TOKENS = 30_000;
const HELLO = "Hello";

export function snippetsOf(program: Program, settings: Settings): Snippet[] {
  return WRITERS[program](settings);
}

/** The reason why a program does not work with a model, or `null`. */
export function obstacleOf(program: Program, { supported_parameters, context_length, id }: Model): string | null {
  // Only a model that writes tokens has this parameter.
  if (!supported_parameters.includes("max_tokens")) return `${id} makes vectors of texts, and does not talk.`;
  if (program !== "codex" && program !== "claude") return null;
  if (!supported_parameters.includes("tools")) return `${id} takes no tools, which this program needs.`;
  if (context_length < ROOM_FOR_AGENTS_TOKENS)
    return `The context of ${id} is too short for this program's first request.`;
  return null;
}

const WRITERS: Record<Program, (settings: Settings) => Snippet[]> = {
  python: ({ address, key, model }) => [
    { place: "Terminal", text: "pip install openai" },
    {
      place: "hello.py",
      text: `from openai import OpenAI

client = OpenAI(
    base_url=${quoted(`${address}/v1`)},
    api_key=${quoted(key)},
)
completion = client.chat.completions.create(
    model=${quoted(model.id)},
    messages=[{"role": "user", "content": "${HELLO}"}],
)
print(completion.choices[0].message.content)
print("It cost", completion.usage.cost, "credits.")
`,
    },
  ],
  node: ({ address, key, model }) => [
    { place: "Terminal", text: "npm install openai" },
    {
      place: "hello.mjs",
      text: `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${quoted(`${address}/v1`)},
  apiKey: ${quoted(key)},
});
const completion = await client.chat.completions.create({
  model: ${quoted(model.id)},
  messages: [{ role: "user", content: "${HELLO}" }],
});
console.log(completion.choices[0].message.content);
console.log("It cost", completion.usage.cost, "credits.");
`,
    },
  ],
  curl: ({ address, key, model }) => [
    {
      place: "Terminal",
      text: `curl ${shell(`${address}/v1/chat/completions`)} \\
  -H ${shell(`Authorization: Bearer ${key}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${shell(JSON.stringify({ model: model.id, messages: [{ role: "user", content: HELLO }] }))}
`,
    },
  ],
  codex: ({ address, key, model }) => [
    {
      place: "~/.codex/config.toml",
      text: `model = ${quoted(model.id)}
model_provider = "chat-api"
model_context_window = ${model.context_length}

[model_providers.chat-api]
name = "chat-api"
base_url = ${quoted(`${address}/v1`)}
env_key = "CHAT_API_KEY"
wire_api = "responses"
stream_idle_timeout_ms = 300000
`,
    },
    { place: "Terminal", text: `export CHAT_API_KEY=${shell(key)}\ncodex\n` },
  ],
  claude: ({ address, key, model }) => [
    {
      place: "Terminal",
      text: `export ANTHROPIC_BASE_URL=${shell(address)}
export ANTHROPIC_API_KEY=${shell(key)}
export ANTHROPIC_MODEL=${shell(model.id)}
export ANTHROPIC_SMALL_FAST_MODEL=${shell(model.id)}
claude
`,
    },
  ],
};

/** A text as a literal of Python, of JavaScript and of TOML, which read JSON's escapes alike. */
function quoted(text: string): string {
  // TOML alone refuses this character as it is.
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

/** A text as one word of a shell. */
function shell(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
