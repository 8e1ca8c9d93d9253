"""pydantic-ai, by chat completions. Its provider reads address and key from the environment."""

import asyncio

from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from pydantic_questions import ask
from weather import MODEL

asyncio.run(ask(OpenAIChatModel(MODEL, provider=OpenAIProvider())))
