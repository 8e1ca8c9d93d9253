"""What the scripts of LangChain ask a model, whatever class of LangChain's it has."""

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from weather import QUESTION, City, weather


def ask(model: BaseChatModel) -> None:
    """Asks the model, and prints what it said and how many tokens LangChain counted."""
    with_tools = model.bind_tools([weather])
    answers: list[AIMessage] = []

    def whole(messages: list[BaseMessage]) -> AIMessage:
        answers.append(with_tools.invoke(messages))
        return answers[-1]

    def streamed(messages: list[BaseMessage]) -> AIMessage:
        first, *rest = with_tools.stream(messages)
        answers.append(sum(rest, first))
        return answers[-1]

    answers.append(model.invoke("Hello"))
    print("whole:", answers[-1].text)
    first, *rest = model.stream("Hello")
    answers.append(sum(rest, first))
    print("streamed:", answers[-1].text)
    for kind, say in [("tool", whole), ("tool streamed", streamed)]:
        question = HumanMessage(QUESTION)
        asked = say([question])
        [call] = asked.tool_calls
        result = ToolMessage(weather(**call["args"]), tool_call_id=call["id"])
        print(f"{kind}:", say([question, asked, result]).text)
    formed = model.with_structured_output(City, include_raw=True).invoke(QUESTION)
    answers.append(formed["raw"])
    print("object:", formed["parsed"].city)
    said = create_agent(model, tools=[weather]).invoke({"messages": [HumanMessage(QUESTION)]})["messages"]
    answers += [message for message in said if isinstance(message, AIMessage)]
    print("agent:", said[-1].text)
    print("tokens:", sum(answer.usage_metadata["total_tokens"] for answer in answers))
