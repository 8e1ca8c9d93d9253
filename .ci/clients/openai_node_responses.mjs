// The package openai of npm, by Responses. It reads its address and key from the environment.
import OpenAI from "openai";

const client = new OpenAI();
const model = "scripted";
const input = [{ role: "user", content: "How is the weather in Turin?" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const tools = [{ type: "function", name: "weather", parameters, strict: true }];
const weather = ({ city }) => (city === "Turin" ? "warm" : "not known");
let tokens = 0;

const whole = (asked) => client.responses.create({ model, ...asked });
const streamed = (asked) => client.responses.stream({ model, ...asked }).finalResponse();

async function said(response) {
  const { output, output_text, usage } = await response;
  tokens += usage.total_tokens;
  return { output, text: output_text };
}

console.log("whole:", (await said(whole({ input }))).text);
console.log("streamed:", (await said(streamed({ input }))).text);

for (const [kind, ask] of [["tool", whole], ["tool streamed", streamed]]) {
  const { output } = await said(ask({ input, tools }));
  const [call] = output.filter((item) => item.type === "function_call");
  const result = { type: "function_call_output", call_id: call.call_id, output: weather(JSON.parse(call.arguments)) };
  console.log(`${kind}:`, (await said(ask({ input: [...input, ...output, result], tools }))).text);
}

const format = { type: "json_schema", name: "city", strict: true, schema: parameters };
const formed = await client.responses.parse({ model, input, text: { format } });
console.log("object:", formed.output_parsed.city);
console.log("tokens:", tokens + formed.usage.total_tokens);
