"""OpenAI's Agents SDK, by Responses, as is its default. Its client reads address and key from the environment."""

import asyncio

from agents import set_tracing_disabled

from openai_agents_questions import ask
from weather import MODEL

# Else it sends what it does to OpenAI.
set_tracing_disabled(True)
asyncio.run(ask(MODEL))
