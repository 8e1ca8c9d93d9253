"""What the scripts of OpenAI's Agents SDK ask a model, whatever protocol the SDK asks it in."""

from agents import Agent, Model, ModelSettings, Runner, function_tool

from weather import QUESTION, City, weather


async def ask(model: str | Model, settings: ModelSettings | None = None) -> None:
    """Asks the model, and prints what it said and how many tokens the SDK counted."""
    plain = Agent(name="plain", model=model, model_settings=settings or ModelSettings())
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

    print("whole:", await whole(plain))
    print("streamed:", await streamed(plain))
    print("tool:", await whole(with_tool))
    print("tool streamed:", await streamed(with_tool))
    print("object:", (await whole(with_tool.clone(output_type=City))).city)
    print("tokens:", sum(run.context_wrapper.usage.total_tokens for run in runs))
