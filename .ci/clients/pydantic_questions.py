"""What the scripts of pydantic-ai ask a model, whatever protocol it asks it in."""

from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.models import Model

from weather import QUESTION, City, weather


async def ask(model: str | Model) -> None:
    """Asks the model, and prints what it said and how many tokens pydantic-ai counted."""
    runs = []

    async def whole(agent: Agent) -> object:
        runs.append(await agent.run(QUESTION))
        return runs[-1].output

    async def streamed(agent: Agent) -> str:
        async with agent.run_stream(QUESTION) as result:
            text = "".join([part async for part in result.stream_text(delta=True)])
        runs.append(result)
        return text

    plain, with_tool = Agent(model), Agent(model, tools=[weather])
    print("whole:", await whole(plain))
    print("streamed:", await streamed(plain))
    print("tool:", await whole(with_tool))
    print("tool streamed:", await streamed(with_tool))
    # Its own way, by a tool, then by a schema, then by the prompt.
    forms = [City, NativeOutput(City), PromptedOutput(City)]
    print("object:", *{(await whole(Agent(model, tools=[weather], output_type=form))).city for form in forms})
    print("tokens:", sum(run.usage.total_tokens for run in runs))
