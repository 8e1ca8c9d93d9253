// The AI SDK, by its provider for servers with OpenAI's protocol.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";

const provider = createOpenAICompatible({
  name: "chat-api",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const inputSchema = jsonSchema({
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
});
const weather = tool({
  description: "The weather of a city.",
  inputSchema,
  execute: ({ city }) => (city === "Turin" ? "warm" : "not known"),
});
const question = { model: provider("scripted"), prompt: "How is the weather in Turin?" };
const withTool = { ...question, tools: { weather }, stopWhen: isStepCount(3) };
let tokens = 0;

for (const [kind, asked] of [["", question], ["tool", withTool]]) {
  const whole = await generateText(asked);
  console.log(`${kind || "whole"}:`, whole.text);
  tokens += whole.totalUsage.totalTokens;
  const stream = streamText(asked);
  let text = "";
  for await (const part of stream.textStream) {
    text += part;
  }
  console.log(`${kind} streamed:`.trim(), text);
  tokens += (await stream.totalUsage).totalTokens;
}
const formed = await generateObject({ ...question, schema: inputSchema });
console.log("object:", formed.object.city);
console.log("tokens:", tokens + formed.usage.totalTokens);
