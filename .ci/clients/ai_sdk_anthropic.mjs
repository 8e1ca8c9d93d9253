// The AI SDK, by its provider for Anthropic. It reads its key from the environment.
import { createAnthropic } from "@ai-sdk/anthropic";

import { talk } from "./ai_sdk_questions.mjs";

const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` });
await talk(anthropic("scripted"));
