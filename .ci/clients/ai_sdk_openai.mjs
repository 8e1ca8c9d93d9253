// The AI SDK, by its provider for OpenAI, which asks for Responses. It reads its address and key from the environment.
import { openai } from "@ai-sdk/openai";

import { talk } from "./ai_sdk_questions.mjs";

// Else it refers to items of earlier answers, which the server would have kept.
await talk(openai("scripted"), { providerOptions: { openai: { store: false } } });
