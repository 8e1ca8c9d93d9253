"""OpenAI's own Python client at its Responses, against the README's first command."""

import tempfile

from openai import APIError, APIStatusError, AuthenticationError, NotFoundError, OpenAI
from openai.types.responses import (
    ResponseCompletedEvent,
    ResponseCreatedEvent,
    ResponseInProgressEvent,
    ResponseStreamEvent,
)
from pydantic import BaseModel, TypeAdapter

from openai_client import api_key, balance, expect, wait_for
from scripted_provider import scripted_stack
from stack import Stack

ASKED = {"model": "dummy", "input": "Hello", "store": False}
HANG_UPS = 10
# The client itself takes whatever comes; this takes what the types say.
TYPED = TypeAdapter(ResponseStreamEvent)


class Weather(BaseModel):
    city: str


def client_of(stack: Stack, key: str) -> OpenAI:
    return OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key)


def streamed(client: OpenAI, **asked: object) -> list[ResponseStreamEvent]:
    """All events of a stream, each of the type that it says, in the order of their numbers."""
    events = list(client.responses.create(**asked, stream=True))
    for event in events:
        TYPED.validate_python(event.to_dict())
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(events))), numbers
    return events


def talk(client: OpenAI) -> None:
    whole = client.responses.create(**ASKED)
    expect("whole", (whole.output_text, whole.status), ("Dummy Response", "completed"))
    expect("its cost", whole.usage.cost, 1)
    expect("its request has an id", bool(whole._request_id), True)

    events = streamed(client, **ASKED)
    expect("the first events", [type(event) for event in events[:2]], [ResponseCreatedEvent, ResponseInProgressEvent])
    expect("the last event", type(events[-1]), ResponseCompletedEvent)
    expect("the same", events[-1].response.output_text, whole.output_text)

    with client.responses.stream(model="dummy", input="Hello") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        last = stream.get_final_response()
    expect("put together", (text, last.output_text), ("Dummy Response", "Dummy Response"))
    expect("its counts", last.usage.total_tokens, whole.usage.total_tokens)


def repeat(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "one-and-the-same"}
    ids = {client.responses.create(**ASKED, extra_headers=headers).id for _ in range(3)}
    expect("answers to one idempotency key", len(ids), 1)


def hang_up(client: OpenAI) -> None:
    """Disconnects after the first word, before the model has delivered the second."""
    with client.responses.create(**ASKED, stream=True) as stream:
        next(event for event in stream if event.type == "response.output_text.delta")


def refusal(client: OpenAI, **request: object) -> APIStatusError:
    try:
        client.responses.create(**{**ASKED, **request})
    except APIStatusError as error:
        print(f"refused: {error}", flush=True)
        return error
    raise AssertionError(f"not refused: {request}")


def be_refused(client: OpenAI) -> None:
    expect("a wrong key", type(refusal(client.with_options(api_key="sk-wrong"))), AuthenticationError)
    expect("an unknown model", type(refusal(client, model="gpt-0")), NotFoundError)
    for name, value in (("store", True), ("previous_response_id", "resp_1"), ("background", True)):
        expect("what needs a memory", refusal(client, **{name: value}).param, name)
    tools = [{"type": "code_interpreter", "container": {"type": "auto"}}]
    expect("a tool that OpenAI runs", refusal(client, tools=tools).param, "tools[0].type")
    expect("a bound below the price", refusal(client, extra_body={"max_cost": 0}).code, "invalid_value")
    exhausted = refusal(client)
    expect("an exhausted balance", (exhausted.status_code, exhausted.code), (402, "insufficient_quota"))
    expect("what is missing", (exhausted.body["balance"], exhausted.body["cost"]), (0, 1))


def break_off(stack: Stack) -> None:
    """Asks a model that breaks off after its first word."""
    key = api_key(stack)
    text, raised = "", None
    try:
        with client_of(stack, key).responses.stream(model="dummy", input="Hello") as stream:
            for event in stream:
                text += event.delta if event.type == "response.output_text.delta" else ""
    except APIError as error:
        raised = error.code
    expect("raised in the middle of a stream", (text, raised), ("Dummy", "model_broke_off"))
    expect("the balance, since it is charged", balance(stack, key), 9)


PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": PARAMETERS,
    "strict": True,
}


def call_tools(client: OpenAI) -> None:
    """A call of a tool, and a reply to its result, whole and streamed, by a provider of chat completions."""
    asked = {"model": "scripted", "store": False, "tools": [WEATHER], "include": ["reasoning.encrypted_content"]}
    conversation: list = [{"role": "user", "content": "How warm is it?"}]
    first = client.responses.create(input=conversation, **asked)
    [call] = [item for item in first.output if item.type == "function_call"]
    expect("a call", (call.name, call.arguments), ("weather", '{"city": "Turin"}'))
    conversation += first.output
    conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": "warm"})
    told = client.responses.create(input=conversation, **asked)
    expect("the reply to its result", (told.output_text, told.status), ("It is warm.", "completed"))

    events = streamed(client, input="How warm is it?", **asked)
    [again] = [item for item in events[-1].response.output if item.type == "function_call"]
    expect("a call, streamed", (again.name, again.arguments), (call.name, call.arguments))
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    expect("its arguments", "".join(deltas), call.arguments)
    with client.responses.stream(input=conversation, **asked) as stream:
        expect("the reply, streamed", stream.get_final_response().output_text, "It is warm.")


def parse(client: OpenAI) -> None:
    parsed = client.responses.parse(model="scripted", input="Where?", store=False, text_format=Weather)
    expect("a parsed reply", type(parsed.output_parsed), Weather)
    with client.responses.stream(model="scripted", input="Where?", store=False, text_format=Weather) as stream:
        expect("the same, streamed", stream.get_final_response().output_parsed, parsed.output_parsed)


if __name__ == "__main__":
    settings = {"STARTING_TOKENS": str(5 + HANG_UPS), "DUMMY_DELAY_MS": "100"}
    with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
        key = api_key(stack)
        client = client_of(stack, key)
        for _ in range(HANG_UPS):
            hang_up(client)
        wait_for("the balance after streams that nobody read", lambda: balance(stack, key), 5)
        talk(client)
        expect("the balance after three messages", balance(stack, key), 2)
        repeat(client)
        expect("the balance after a fourth, sent three times", balance(stack, key), 1)
        client.responses.create(**ASKED)
        be_refused(client)
    settings = {"STARTING_TOKENS": "10", "DUMMY_FAILURE": "cut"}
    with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
        break_off(stack)
    with scripted_stack() as (provider, stack):
        key = api_key(stack)
        before = balance(stack, key)
        client = client_of(stack, key)
        call_tools(client)
        parse(client)
        expect("the cost is the provider's bill", before - balance(stack, key), provider.bill()[0])
    print("OpenAI's client got what it expects of Responses.")
