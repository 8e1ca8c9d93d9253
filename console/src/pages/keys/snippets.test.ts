import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Model, obstacleOf, PROGRAMS, snippetsOf } from "./snippets.ts";

const DOCS = readFileSync("../docs/clients.md", "utf8");

function model(what: Partial<Model> = {}): Model {
  const pricing = {
    prompt: "0",
    completion: "0",
    request: "1",
    image: "0",
    input_cache_read: "0",
    input_cache_write: "0",
  };
  return {
    id: "MODEL",
    object: "model",
    created: 0,
    owned_by: "chat-api",
    context_length: 100_000,
    supported_parameters: ["max_tokens", "tools"],
    pricing,
    ...what,
  };
}

const SETTINGS = { address: "https://chat.example/Prod", key: "sk-nB7dQ2", model: model() };
/** Ids come from the operator, and may have any character. */
const HOSTILE = model({ id: `it's "a\\b" $(touch x)\n\u007f` });

const textOf = (program: (typeof PROGRAMS)[number]["value"], settings = SETTINGS) =>
  snippetsOf(program, settings)
    .map(({ text }) => text)
    .join("\n");

test("every program gets the address, the key and the model", () => {
  for (const { value } of PROGRAMS) {
    const text = textOf(value);
    for (const part of ["https://chat.example/Prod", "sk-nB7dQ2", "MODEL"]) expect(text, value).toContain(part);
  }
});

test("Codex gets the file of the docs", () => {
  const file = snippetsOf("codex", SETTINGS)[0]?.text.replace("https://chat.example/Prod/v1", "ADDRESS");
  expect(DOCS).toContain(`\`\`\`toml\n${file}\`\`\``);
});

test("Claude Code gets the variables of the docs, with the address without v1", () => {
  const text = textOf("claude");
  const line = DOCS.split("\n").find((line) => line.startsWith("ANTHROPIC_BASE_URL=")) ?? "";
  const names = [...line.matchAll(/[A-Z_]+(?==)/g)].map(([name]) => name);
  expect([...text.matchAll(/(?<=export )[A-Z_]+/g)].map(([name]) => name)).toEqual(names);
  expect(text).toContain("ANTHROPIC_BASE_URL=https://chat.example/Prod\n");
});

test("an id with quotes and commands in it is only a text to the shell", () => {
  const text = textOf("curl", { ...SETTINGS, model: HOSTILE }).replace("curl", "printf '%s\\n'");
  const said = execFileSync("sh", ["-c", text], { encoding: "utf8" });
  expect(JSON.parse(said.slice(said.indexOf("{"))).model).toBe(HOSTILE.id);
});

test("an id with quotes in it is one literal of JavaScript, Python and TOML", () => {
  for (const program of ["node", "python", "codex"] as const) {
    const literal = textOf(program, { ...SETTINGS, model: HOSTILE }).match(/"it's (?:[^"\\]|\\.)*"/)?.[0] ?? "";
    expect(JSON.parse(literal), program).toBe(HOSTILE.id);
    expect(literal, program).not.toContain("\u007f");
  }
});

test("a model of vectors does not talk", () => {
  const vectors = model({ supported_parameters: ["dimensions", "encoding_format"] });
  expect(obstacleOf("python", vectors)).toContain("does not talk");
});

test("agents need a model with tools and a long context, and others need nothing", () => {
  expect(obstacleOf("codex", model({ id: "dummy", supported_parameters: ["max_tokens"] }))).toContain("takes no tools");
  expect(obstacleOf("claude", model({ context_length: 8000 }))).toContain("too short");
  expect(obstacleOf("claude", model())).toBeNull();
  expect(obstacleOf("python", model({ supported_parameters: ["max_tokens"], context_length: 1 }))).toBeNull();
});
