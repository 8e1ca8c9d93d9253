// The package @anthropic-ai/sdk of npm. It reads its address and key from the environment.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";

const client = new Anthropic();
const inputSchema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = betaTool({
  name: "weather",
  description: "The weather of a city.",
  inputSchema,
  run: ({ city }) => (city === "Turin" ? "warm" : "not known"),
});
const messages = [{ role: "user", content: "How is the weather in Turin?" }];
const asked = { model: "scripted", max_tokens: 1000, messages };
let tokens = 0;

function text(message) {
  const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = message.usage;
  tokens += input_tokens + cache_read_input_tokens + cache_creation_input_tokens + output_tokens;
  return message.content.map((block) => block.text ?? "").join("");
}

console.log("whole:", text(await client.messages.create(asked)));
console.log("streamed:", text(await client.messages.stream(asked).finalMessage()));

// The first request asks the server to keep the conversation. After its refusal the runner sends all of it each time.
let said = "";
for await (const message of client.beta.messages.toolRunner({ ...asked, tools: [weather] })) {
  said = text(message);
}
console.log("tool:", said);
for await (const stream of client.beta.messages.toolRunner({ ...asked, tools: [weather], stream: true })) {
  said = text(await stream.finalMessage());
}
console.log("tool streamed:", said);

const formed = await client.messages.parse({ ...asked, output_config: { format: jsonSchemaOutputFormat(inputSchema) } });
text(formed);
console.log("object:", formed.parsed_output.city);
console.log("tokens:", tokens);
