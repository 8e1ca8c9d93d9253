"""Anthropic's own Python client against the README's first command."""

import tempfile

from anthropic import APIStatusError, Anthropic, AuthenticationError, NotFoundError

from openai_client import api_key, balance, expect, wait_for
from scripted_provider import scripted_stack
from stack import Stack

HELLO = [{"role": "user", "content": "Hello"}]
ASKED = {"model": "dummy", "max_tokens": 100, "messages": HELLO}
HANG_UPS = 10


def talk(client: Anthropic) -> None:
    whole = client.messages.create(**ASKED)
    expect("whole", [(block.type, block.text) for block in whole.content], [("text", "Dummy Response")])
    expect("its end", (whole.stop_reason, whole.stop_sequence), ("end_turn", None))
    expect("its cost", whole.usage.cost, 1)
    expect("its request has an id", bool(whole._request_id), True)

    with client.messages.stream(**ASKED) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    expect("streamed", text, "Dummy Response")
    expect("put together", [block.text for block in last.content], ["Dummy Response"])
    counts = (last.usage.input_tokens, last.usage.output_tokens, last.stop_reason)
    expect("its counts", counts, (whole.usage.input_tokens, whole.usage.output_tokens, "end_turn"))

    events = [event.type for event in client.messages.create(**ASKED, stream=True)]
    expect("events", (events[0], events[-2:]), ("message_start", ["message_delta", "message_stop"]))


def count(client: Anthropic, stack: Stack, key: str) -> None:
    before = balance(stack, key)
    counted = client.messages.count_tokens(model="dummy", messages=HELLO)
    expect("tokens are counted", counted.input_tokens > 0, True)
    expect("for nothing", balance(stack, key), before)


def repeat(client: Anthropic) -> None:
    headers = {"Idempotency-Key": "one-and-the-same"}
    ids = {client.messages.create(**ASKED, extra_headers=headers).id for _ in range(3)}
    expect("answers to one idempotency key", len(ids), 1)


def hang_up(client: Anthropic) -> None:
    """Disconnects after the first word, before the model has delivered the second."""
    with client.messages.create(**ASKED, stream=True) as stream:
        next(event for event in stream if event.type == "content_block_delta")


def refusal(client: Anthropic, **request: object) -> APIStatusError:
    try:
        client.messages.create(**{**ASKED, **request})
    except APIStatusError as error:
        print(f"refused: {error}", flush=True)
        return error
    raise AssertionError(f"not refused: {request}")


def be_refused(client: Anthropic) -> None:
    expect("a wrong key", type(refusal(client.with_options(api_key="sk-wrong"))), AuthenticationError)
    unknown = refusal(client, model="gpt-0")
    expect("an unknown model", type(unknown), NotFoundError)
    expect("its request has an id", bool(unknown.request_id), True)
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    expect("what cannot be honoured", refusal(client, tools=tools).body["error"]["param"], "tools")
    bounded = refusal(client, extra_body={"max_cost": 0})
    expect("a bound below the price", bounded.body["error"]["code"], "invalid_value")
    exhausted = refusal(client)
    expect("an exhausted balance", (exhausted.status_code, exhausted.body["error"]["type"]), (402, "billing_error"))
    expect("what is missing", (exhausted.body["error"]["balance"], exhausted.body["error"]["cost"]), (0, 1))


def break_off(stack: Stack) -> None:
    """Asks a model that breaks off after its first word."""
    key = api_key(stack)
    client = Anthropic(base_url=f"http://127.0.0.1:{stack.port}", api_key=key)
    text = ""
    try:
        with client.messages.stream(**ASKED) as stream:
            for word in stream.text_stream:
                text += word
    except APIStatusError as error:
        raised = error.body["error"]["code"]
    expect("raised in the middle of a stream", (text, raised), ("Dummy", "model_broke_off"))
    expect("the balance, since it is charged", balance(stack, key), 9)


TOOLS = [
    {
        "name": "weather",
        "description": "The weather of a city.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


def call_tools(client: Anthropic) -> None:
    """A call of a tool, and a reply to its result, whole and streamed, by a provider of chat completions."""
    asked = {"model": "scripted", "max_tokens": 1000, "tools": TOOLS}
    first = client.messages.create(messages=HELLO, **asked)
    [call] = first.content
    parts = (first.stop_reason, call.type, call.name, call.input)
    expect("a call", parts, ("tool_use", "tool_use", "weather", {"city": "Turin"}))
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "warm"}
    messages = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    told = client.messages.create(messages=messages, **asked)
    expect("the reply to its result", (told.content[0].text, told.stop_reason), ("It is warm.", "end_turn"))
    with client.messages.stream(messages=HELLO, **asked) as stream:
        [again] = stream.get_final_message().content
    expect("a call, streamed", (again.name, again.input), ("weather", {"city": "Turin"}))
    with client.messages.stream(messages=messages, **asked) as stream:
        expect("the reply, streamed", stream.get_final_text(), "It is warm.")


if __name__ == "__main__":
    settings = {"STARTING_TOKENS": str(4 + HANG_UPS), "DUMMY_DELAY_MS": "100"}
    with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
        key = api_key(stack)
        client = Anthropic(base_url=f"http://127.0.0.1:{stack.port}", api_key=key)
        for _ in range(HANG_UPS):
            hang_up(client)
        wait_for("the balance after streams that nobody read", lambda: balance(stack, key), 4)
        talk(client)
        expect("the balance after three messages", balance(stack, key), 1)
        count(client, stack, key)
        repeat(client)
        expect("the balance after a fourth, sent three times", balance(stack, key), 0)
        be_refused(client)
    settings = {"STARTING_TOKENS": "10", "DUMMY_FAILURE": "cut"}
    with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
        break_off(stack)
    with scripted_stack() as (provider, stack):
        key = api_key(stack)
        before = balance(stack, key)
        call_tools(Anthropic(base_url=f"http://127.0.0.1:{stack.port}", api_key=key))
        expect("the cost is the provider's bill", before - balance(stack, key), provider.bill()[0])
    print("Anthropic's client got what it expects.")
