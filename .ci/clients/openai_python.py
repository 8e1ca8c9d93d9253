"""The openai package since 1.0. It reads its address and key from the environment."""

from openai import OpenAI

from weather import MESSAGES, MODEL, TOOLS, City, call

client = OpenAI()
tokens: list[int] = []


def whole(messages: list, **asked: object) -> object:
    reply = client.chat.completions.create(model=MODEL, messages=messages, **asked)
    tokens.append(reply.usage.total_tokens)
    return reply.choices[0].message


def streamed(messages: list, **asked: object) -> dict:
    """A message, put together as it comes."""
    said = {"role": "assistant", "content": ""}
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for chunk in client.chat.completions.create(model=MODEL, messages=messages, **options, **asked):
        if chunk.usage:
            tokens.append(chunk.usage.total_tokens)
        for choice in chunk.choices:
            said["content"] += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                if part.id:
                    function = {"name": part.function.name, "arguments": ""}
                    said.setdefault("tool_calls", []).append({"id": part.id, "type": "function", "function": function})
                said["tool_calls"][part.index]["function"]["arguments"] += part.function.arguments
    return said


def result(id: str, arguments: str) -> dict:
    return {"role": "tool", "tool_call_id": id, "content": call(arguments)}


print("whole:", whole(MESSAGES).content)
print("streamed:", streamed(MESSAGES)["content"])
asked = whole(MESSAGES, tools=TOOLS)
[made] = asked.tool_calls
print("tool:", whole([*MESSAGES, asked, result(made.id, made.function.arguments)], tools=TOOLS).content)
asked = streamed(MESSAGES, tools=TOOLS)
[made] = asked["tool_calls"]
messages = [*MESSAGES, asked, result(made["id"], made["function"]["arguments"])]
print("tool streamed:", streamed(messages, tools=TOOLS)["content"])
# It was called beta before it was not.
completions = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
parsed = completions.parse(model=MODEL, messages=MESSAGES, response_format=City)
print("object:", parsed.choices[0].message.parsed.city)
print("tokens:", sum(tokens) + parsed.usage.total_tokens)
