"""pydantic-ai, by the short name of a model of OpenAI, which means Responses. It reads address and key from the environment."""

import asyncio

from pydantic_questions import ask
from weather import MODEL

asyncio.run(ask(f"openai:{MODEL}"))
