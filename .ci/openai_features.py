"""OpenAI's own Python client with tools, schemas, images and reasoning, against a provider that follows a script."""

import json

import httpx2
import openai
from openai import OpenAI
from pydantic import BaseModel

from openai_client import HELLO, api_key, balance, expect, refusal
from scripted_provider import PRICES, ScriptedProvider, scripted_stack
from stack import Stack

# The smallest image: a pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
CALL = ("call-1", "weather", '{"city": "Turin"}')


class City(BaseModel):
    """A city."""

    city: str


WEATHER = openai.pydantic_function_tool(City, name="weather", description="The weather of a city.")
ASKED = {"model": "scripted", "tools": [WEATHER], "tool_choice": "auto", "parallel_tool_calls": False}


def find_models(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    expect("models", sorted(models), ["busy", "embedder", "scripted"])
    model = client.models.retrieve("scripted")
    expect("the same model by its name", model, models["scripted"])
    expect("its price of an image", model.pricing["image"], str(PRICES["image"]))
    expect("whether it takes tools", {"tools", "response_format"} <= set(model.supported_parameters), True)


def call_tools(client: OpenAI) -> None:
    """A call of a tool, and a reply to its result, whole."""
    choice = client.chat.completions.create(messages=HELLO, **ASKED).choices[0]
    expect("a call", (choice.finish_reason, choice.message.content), ("tool_calls", None))
    [call] = choice.message.tool_calls
    expect("its parts", (call.id, call.function.name, call.function.arguments), CALL)
    messages = [*HELLO, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "warm"}]
    told = client.chat.completions.create(messages=messages, **ASKED).choices[0]
    expect("the reply to its result", (told.message.content, told.finish_reason), ("It is warm.", "stop"))
    forced = {**ASKED, "tool_choice": {"type": "function", "function": {"name": "weather"}}}
    again = client.chat.completions.create(messages=messages, **forced).choices[0].message.tool_calls
    expect("a call that is demanded", [call.function.name for call in again], ["weather"])
    none = client.chat.completions.create(messages=HELLO, **{**ASKED, "tool_choice": "none"}).choices[0]
    expect("a call that is forbidden", (none.message.tool_calls, none.message.content), (None, "Hello"))


def call_tools_in_a_stream(client: OpenAI) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(messages=HELLO, **options, **ASKED))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    first, *rest = [part for choice in choices for part in choice.delta.tool_calls or []]
    arguments = "".join(part.function.arguments for part in [first, *rest])
    expect("a call, streamed", (first.id, first.function.name, arguments), CALL)
    expect("its pieces are more than one", len(rest) > 0, True)
    expect("its end", (choices[-1].finish_reason, chunks[-1].usage.cost > 0), ("tool_calls", True))
    with client.chat.completions.stream(messages=HELLO, **ASKED) as stream:
        [call] = stream.get_final_completion().choices[0].message.tool_calls
    expect("the same, gathered", (call.id, call.function.parsed_arguments), (CALL[0], City(city="Turin")))


def parse(client: OpenAI) -> None:
    asked = {"model": "scripted", "messages": HELLO, "response_format": City}
    expect("a reply of a schema", client.chat.completions.parse(**asked).choices[0].message.parsed, City(city="Turin"))
    with client.chat.completions.stream(**asked) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    expect("the same, streamed", parsed, City(city="Turin"))
    [call] = client.chat.completions.parse(messages=HELLO, **ASKED).choices[0].message.tool_calls
    expect("a call's arguments", call.function.parsed_arguments, City(city="Turin"))
    free = client.chat.completions.create(**{**asked, "response_format": {"type": "json_object"}})
    expect("JSON without a schema", json.loads(free.choices[0].message.content), {"city": "Turin"})


def reason(client: OpenAI) -> None:
    asked = {"model": "scripted", "messages": HELLO, "reasoning_effort": "low"}
    whole = client.chat.completions.create(**asked)
    expect("its reasoning", whole.choices[0].message.reasoning_content, "Hm.")
    expect("the tokens of it", whole.usage.completion_tokens_details.reasoning_tokens, 1)
    expect("the tokens of a cache", whole.usage.prompt_tokens_details.cached_tokens > 0, True)
    deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(stream=True, **asked)]
    said = [(getattr(delta, "reasoning_content", None) or "", delta.content or "") for delta in deltas]
    expect("the same, streamed", tuple(map("".join, zip(*said))), ("Hm.", "Hello"))


def price(client: OpenAI) -> None:
    """A quote, for which the client has no method, and the bound that it names."""
    asked = {"model": "scripted", "messages": HELLO, "max_completion_tokens": 100}
    quote = client.post("/quote", cast_to=httpx2.Response, body=asked).json()
    cost = client.chat.completions.create(**asked, extra_body={"max_cost": quote["most"]}).usage.cost
    expect("the cost is within its quote", PRICES["request"] < cost <= quote["most"], True)
    refused = refusal(client, **asked, extra_body={"max_cost": quote["least"] - 1})
    expect("a bound that is too low", (type(refused), refused.param), (openai.BadRequestError, "max_cost"))


def be_refused(client: OpenAI) -> None:
    """Each class of the client's errors that a request can bring about by itself."""
    tools = {"model": "scripted", "tools": [{"type": "web_search"}]}
    for what, request, error, param in [
        ("a tool that providers run", tools, openai.BadRequestError, "tools[0].type"),
        ("a tier of service", {"service_tier": "flex"}, openai.BadRequestError, "service_tier"),
        ("an unknown model", {"model": "gpt-0"}, openai.NotFoundError, "model"),
    ]:
        refused = refusal(client, **{"model": "scripted", **request})
        expect(what, (type(refused), refused.param), (error, param))
    unknown = refusal(client.with_options(api_key="sk-wrong"), model="scripted")
    expect("a wrong key", type(unknown), openai.AuthenticationError)
    headers = {"Idempotency-Key": "of-one-question"}
    client.chat.completions.create(model="scripted", messages=HELLO, extra_headers=headers)
    other = refusal(client, model="scripted", temperature=0.5, extra_headers=headers)
    expect("the key of another question", type(other), openai.UnprocessableEntityError)
    busy = refusal(client.with_options(max_retries=0), model="busy")
    expect("a busy model", (type(busy), busy.response.headers["retry-after"]), (openai.RateLimitError, "1"))


def repeat_by_itself(stack: Stack, provider: ScriptedProvider) -> None:
    """The client asks a busy model again, when it is told to, and pays once."""
    sent: list[httpx2.Request] = []
    key = stack.make_key(stack.log_in("grace"))
    before = balance(stack, key)
    http = httpx2.Client(event_hooks={"request": [sent.append]})
    client = OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key, http_client=http)
    reply = client.chat.completions.create(model="busy", messages=[*HELLO, *HELLO])
    expect("a reply after a repetition", (reply.choices[0].message.content, len(sent)), ("Hello", 2))
    expect("its price, once", before - balance(stack, key), provider.bill()[0])


def see(client: OpenAI) -> None:
    """An image, which has a price beside its tokens."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]
    whole = client.chat.completions.create(model="scripted", messages=messages)
    expect("a reply to an image", (whole.choices[0].message.content, whole.usage.cost > PRICES["image"]), ("I see 1.", True))
    chunks = client.chat.completions.create(model="scripted", messages=messages, stream=True)
    expect("the same, streamed", "".join(chunk.choices[0].delta.content or "" for chunk in chunks), "I see 1.")
    image["image_url"]["url"] = "https://example.com/cat.png"
    expect("an image elsewhere", type(refusal(client, model="scripted", messages=messages)), openai.BadRequestError)


if __name__ == "__main__":
    with scripted_stack() as (provider, stack):
        key = api_key(stack)
        client = OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key)
        before = balance(stack, key)
        for step in (find_models, call_tools, call_tools_in_a_stream, parse, reason, price, be_refused, see):
            step(client)
        expect("the credits that all of it cost", before - balance(stack, key), provider.bill()[0])
        repeat_by_itself(stack, provider)
    print("OpenAI's client got all that a model can do.")
