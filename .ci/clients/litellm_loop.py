"""LiteLLM as a library."""

import os

# Else it fetches prices from another host as it starts.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402

from weather import MESSAGES, MODEL, TOOLS, City, call  # noqa: E402

tokens: list[int] = []


def ask(messages: list, stream: bool = False, **asked: object) -> object:
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    base = os.environ["OPENAI_BASE_URL"]
    answer = litellm.completion(model=f"openai/{MODEL}", api_base=base, messages=messages, **options, **asked)
    answer = litellm.stream_chunk_builder(list(answer)) if stream else answer
    tokens.append(answer.usage.total_tokens)
    return answer.choices[0].message


print("whole:", ask(MESSAGES).content)
print("streamed:", ask(MESSAGES, stream=True).content)
for kind, stream in [("tool", False), ("tool streamed", True)]:
    asked = ask(MESSAGES, stream, tools=TOOLS)
    [made] = asked.tool_calls
    result = {"role": "tool", "tool_call_id": made.id, "content": call(made.function.arguments)}
    print(f"{kind}:", ask([*MESSAGES, asked, result], stream, tools=TOOLS).content)
print("object:", City.model_validate_json(ask(MESSAGES, response_format=City).content).city)
print("tokens:", sum(tokens))
