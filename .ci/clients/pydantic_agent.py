"""pydantic-ai, an agent without tools. Its provider reads address and key from the environment."""

import asyncio

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

agent = Agent(OpenAIChatModel("dummy", provider=OpenAIProvider()))


async def main() -> None:
    print("whole:", (await agent.run("Hello")).output)
    async with agent.run_stream("Hello") as result:
        print("streamed:", "".join([part async for part in result.stream_text(delta=True)]))


asyncio.run(main())
