"""LangChain: a model, the same with tools and with a form, and an agent."""

import os

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from weather import MODEL, QUESTION, City, weather

model = ChatOpenAI(model=MODEL, base_url=os.environ["OPENAI_BASE_URL"], stream_usage=True)
with_tools = model.bind_tools([weather])
answers: list[AIMessage] = []


def whole(messages: list[BaseMessage]) -> AIMessage:
    answers.append(with_tools.invoke(messages))
    return answers[-1]


def streamed(messages: list[BaseMessage]) -> AIMessageChunk:
    first, *rest = with_tools.stream(messages)
    answers.append(sum(rest, first))
    return answers[-1]


answers.append(model.invoke("Hello"))
print("whole:", answers[-1].content)
first, *rest = model.stream("Hello")
answers.append(sum(rest, first))
print("streamed:", answers[-1].content)
for kind, ask in [("tool", whole), ("tool streamed", streamed)]:
    question = HumanMessage(QUESTION)
    asked = ask([question])
    [call] = asked.tool_calls
    result = ToolMessage(weather(**call["args"]), tool_call_id=call["id"])
    print(f"{kind}:", ask([question, asked, result]).content)
formed = model.with_structured_output(City, include_raw=True).invoke(QUESTION)
answers.append(formed["raw"])
print("object:", formed["parsed"].city)
said = create_agent(model, tools=[weather]).invoke({"messages": [HumanMessage(QUESTION)]})["messages"]
answers += [message for message in said if isinstance(message, AIMessage)]
print("agent:", said[-1].content)
print("tokens:", sum(answer.usage_metadata["total_tokens"] for answer in answers))
