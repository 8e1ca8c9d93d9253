// The AI SDK, by its provider for servers with OpenAI's protocol.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const provider = createOpenAICompatible({
  name: "chat-api",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
});
const question = { model: provider("dummy"), prompt: "Hello" };
console.log("whole:", (await generateText(question)).text);
let text = "";
for await (const part of streamText(question).textStream) {
  text += part;
}
console.log("streamed:", text);
