"""OpenAI's Agents SDK, by chat completions. Its client reads address and key from the environment."""

import asyncio

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from weather import MODEL, QUESTION, City, weather

# Else it sends what it does to OpenAI.
set_tracing_disabled(True)
model = OpenAIChatCompletionsModel(model=MODEL, openai_client=AsyncOpenAI())
# Of a stream it asks OpenAI alone for the usage, unless it is told to.
plain = Agent(name="plain", model=model, model_settings=ModelSettings(include_usage=True))
with_tool = plain.clone(tools=[function_tool(weather)])
runs = []


async def whole(agent: Agent) -> object:
    runs.append(await Runner.run(agent, QUESTION))
    return runs[-1].final_output


async def streamed(agent: Agent) -> object:
    run = Runner.run_streamed(agent, QUESTION)
    async for _ in run.stream_events():
        pass
    runs.append(run)
    return run.final_output


async def main() -> None:
    print("whole:", await whole(plain))
    print("streamed:", await streamed(plain))
    print("tool:", await whole(with_tool))
    print("tool streamed:", await streamed(with_tool))
    print("object:", (await whole(with_tool.clone(output_type=City))).city)
    print("tokens:", sum(run.context_wrapper.usage.total_tokens for run in runs))


asyncio.run(main())
