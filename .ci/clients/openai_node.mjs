// The openai package of npm. It reads its address and key from the environment.
import OpenAI from "openai";

const client = new OpenAI();
const model = "scripted";
const messages = [{ role: "user", content: "How is the weather in Turin?" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = ({ city }) => (city === "Turin" ? "warm" : "not known");
const tools = [
  { type: "function", function: { name: "weather", function: weather, parse: JSON.parse, parameters, strict: true } },
];
const streaming = { stream: true, stream_options: { include_usage: true } };
let tokens = 0;

const whole = await client.chat.completions.create({ model, messages });
console.log("whole:", whole.choices[0].message.content);
tokens += whole.usage.total_tokens;

let text = "";
for await (const chunk of await client.chat.completions.create({ model, messages, ...streaming })) {
  text += chunk.choices[0]?.delta.content ?? "";
  tokens += chunk.usage?.total_tokens ?? 0;
}
console.log("streamed:", text);

const runner = client.chat.completions.runTools({ model, messages, tools });
console.log("tool:", await runner.finalContent());
tokens += (await runner.totalUsage()).total_tokens;

const streamed = client.chat.completions.runTools({ model, messages, tools, ...streaming });
// Its total leaves streams out.
streamed.on("chunk", (chunk) => (tokens += chunk.usage?.total_tokens ?? 0));
console.log("tool streamed:", await streamed.finalContent());

const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema: parameters } };
const formed = await client.chat.completions.create({ model, messages, response_format });
console.log("object:", JSON.parse(formed.choices[0].message.content).city);
console.log("tokens:", tokens + formed.usage.total_tokens);
