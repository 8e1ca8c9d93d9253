// The AI SDK, by its provider for servers with OpenAI's protocol.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

import { talk } from "./ai_sdk_questions.mjs";

const provider = createOpenAICompatible({
  name: "chat-api",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
await talk(provider("scripted"));
