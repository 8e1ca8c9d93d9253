"""OpenAI's Agents SDK, by chat completions. Its client reads address and key from the environment."""

import asyncio

from agents import ModelSettings, OpenAIChatCompletionsModel, set_tracing_disabled
from openai import AsyncOpenAI

from openai_agents_questions import ask
from weather import MODEL

# Else it sends what it does to OpenAI.
set_tracing_disabled(True)
# Of a stream it asks OpenAI alone for the usage, unless it is told to.
asyncio.run(ask(OpenAIChatCompletionsModel(model=MODEL, openai_client=AsyncOpenAI()), ModelSettings(include_usage=True)))
