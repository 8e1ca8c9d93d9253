"""LlamaIndex, by its class for servers with OpenAI's protocol: a model, a form, and an agent, which streams."""

import asyncio
import os

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike

from weather import MODEL, QUESTION, City, weather

model = OpenAILike(
    model=MODEL,
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    is_chat_model=True,
    is_function_calling_model=True,
)
print("whole:", model.complete("Hello").text)
print("streamed:", "".join(part.delta or "" for part in model.stream_complete("Hello")))
print("object:", model.as_structured_llm(City).complete(QUESTION).raw.city)


async def main() -> None:
    for kind, streaming in [("tool", False), ("tool streamed", True)]:
        agent = FunctionAgent(tools=[weather], llm=model, streaming=streaming)
        print(f"{kind}:", await agent.run(QUESTION))


asyncio.run(main())
