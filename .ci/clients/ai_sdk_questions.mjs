// What the scripts of the AI SDK ask a model, whatever provider of the SDK made it.
import { generateObject, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";

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

// Asks the model, with these further settings, and prints what it said and how many tokens the SDK counted.
export async function talk(model, settings = {}) {
  const question = { model, prompt: "How is the weather in Turin?", ...settings };
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
}
