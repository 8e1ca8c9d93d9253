"""OpenAI's own Python client against the README's first command."""

import array
import json
import pathlib
import tempfile
import time
from collections.abc import Callable

import httpx2
from openai import APIError, APIStatusError, AuthenticationError, NotFoundError, OpenAI, RateLimitError

from stack import Stack

HANG_UPS = 10
WAIT_LIMIT_S = 10
HELLO = [{"role": "user", "content": "Hello"}]
# The client repeats a failed request twice by itself.
ATTEMPTS = 3
# A dummy, and one that makes vectors at a credit a token.
DUMMY = {"provider": "dummy", "provider_model": "dummy", "context_tokens": 4096, "max_output_tokens": 512}
DUMMIES = {
    "providers": {"dummy": {"protocol": "dummy"}},
    "models": [
        {"id": "dummy", "prices": {"input": 0, "output": 0, "request": 1}, **DUMMY},
        {"id": "vectors", "prices": {"input": 1_000_000, "output": 0}, "takes": ["embeddings"], **DUMMY},
    ],
}


def expect(what: str, found: object, wanted: object) -> None:
    print(f"{what}: {found!r}", flush=True)
    assert found == wanted, f"{what} should be {wanted!r}"


def api_key(stack: Stack) -> str:
    """An API key of a user who has just registered."""
    return stack.make_key(stack.log_in("ada"))


def balance(stack: Stack, key: str) -> int:
    return stack.ask("/token_balance/", token=key)[2]["tokens"]


def talk(client: OpenAI) -> None:
    expect("models", [model.id for model in client.models.list()], ["dummy"])
    expect("one model", client.models.retrieve("dummy").id, "dummy")
    whole = client.chat.completions.create(model="dummy", messages=HELLO)
    expect("whole", whole.choices[0].message.content, "Dummy Response")
    expect("its end", whole.choices[0].finish_reason, "stop")
    expect("its usage", whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
    expect("its cost", whole.usage.cost, 1)
    expect("its request has an id", bool(whole._request_id), True)

    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="dummy", messages=HELLO, stream=True, stream_options=options))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    expect("streamed", text, "Dummy Response")
    expect("its end", [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1], "stop")
    expect("its usage", chunks[-1].usage.total_tokens, whole.usage.total_tokens)


def complete(client: OpenAI) -> None:
    """The older protocol: a text, and how it goes on."""
    whole = client.completions.create(model="dummy", prompt="Hello")
    expect("a text, whole", (whole.choices[0].text, whole.choices[0].finish_reason), ("Dummy Response", "stop"))
    expect("its cost", whole.usage.cost, 1)
    options = {"include_usage": True}
    chunks = list(client.completions.create(model="dummy", prompt="Hello", stream=True, stream_options=options))
    expect("streamed", "".join(choice.text for chunk in chunks for choice in chunk.choices), "Dummy Response")
    expect("its usage", chunks[-1].usage.total_tokens, whole.usage.total_tokens)


def read_headers(client: OpenAI) -> None:
    """The headers of a whole answer and of a stream: the request's id, and the limit of messages in flight."""
    for stream in (False, True):
        raw = client.chat.completions.with_raw_response.create(model="dummy", messages=HELLO, stream=stream)
        limits = [raw.headers.get(f"x-ratelimit-{part}-requests") for part in ("limit", "remaining", "reset")]
        expect(f"limits, stream: {stream}", limits, ["10", "9", "1s"])
        expect(f"an id, stream: {stream}", bool(raw.headers.get("x-request-id")), True)
        for _ in raw.parse():
            pass


def name_the_key_otherwise(stack: Stack, key: str) -> None:
    """Azure's clients send a key in the header api-key, and Anthropic's in x-api-key."""
    for name in ("api-key", "x-api-key"):
        models = httpx2.get(f"http://127.0.0.1:{stack.port}/v1/models", headers={name: key})
        expect(f"a key in {name}", (models.status_code, models.json()["data"][0]["id"]), (200, "dummy"))


def repeat(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "one-and-the-same"}
    ids = {client.chat.completions.create(model="dummy", messages=HELLO, extra_headers=headers).id for _ in range(3)}
    expect("answers to one idempotency key", len(ids), 1)


def hang_up(client: OpenAI) -> None:
    """Disconnects after the first word, before the model has delivered the second."""
    with client.chat.completions.create(model="dummy", messages=HELLO, stream=True) as stream:
        next(chunk for chunk in stream if chunk.choices[0].delta.content)


def wait_for(what: str, find: Callable[[], object], wanted: object) -> None:
    started = time.monotonic()
    while find() != wanted and time.monotonic() - started < WAIT_LIMIT_S:
        time.sleep(0.1)
    expect(what, find(), wanted)


def refusal(client: OpenAI, **request: object) -> APIStatusError:
    try:
        client.chat.completions.create(**{"model": "dummy", "messages": HELLO, **request})
    except APIStatusError as error:
        print(f"refused: {error}", flush=True)
        return error
    raise AssertionError(f"not refused: {request}")


def be_refused(client: OpenAI) -> None:
    expect("a wrong key", type(refusal(client.with_options(api_key="sk-wrong"))), AuthenticationError)
    unknown = refusal(client, model="gpt-0")
    expect("an unknown model", type(unknown), NotFoundError)
    expect("its request has an id", bool(unknown.request_id), True)
    expect("the models that there are", "You may ask: dummy." in unknown.message, True)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    expect("what cannot be honoured", refusal(client, tools=tools).param, "tools")
    exhausted = refusal(client)
    expect("an exhausted balance", (exhausted.status_code, exhausted.code), (402, "insufficient_quota"))
    expect("what is missing", (exhausted.body["balance"], exhausted.body["cost"]), (0, 1))


def raised_in_the_middle(client: OpenAI) -> tuple[str, APIError]:
    text = ""
    try:
        for chunk in client.chat.completions.create(model="dummy", messages=HELLO, stream=True):
            text += chunk.choices[0].delta.content or ""
    except APIError as error:
        return text, error
    raise AssertionError(f"not raised after {text!r}")


def break_off(stack: Stack) -> None:
    """Asks a model that breaks off after its first word."""
    sent: list[httpx2.Request] = []
    key = api_key(stack)
    http = httpx2.Client(event_hooks={"request": [sent.append]})
    client = OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key, http_client=http)
    text, error = raised_in_the_middle(client)
    expect("raised in the middle of a stream", (text, error.code), ("Dummy", "model_broke_off"))
    expect("requests, since it is charged", (len(sent), balance(stack, key)), (1, 9))

    sent.clear()
    choice = client.chat.completions.create(model="dummy", messages=HELLO).choices[0]
    expect("a whole answer that broke off", (choice.message.content, choice.finish_reason), ("Dummy", "length"))
    expect("requests, since it is charged", (len(sent), balance(stack, key)), (1, 8))


def fail(stack: Stack) -> None:
    """Asks a model that fails before its first word. Its provider may bill that, so the client must not repeat it."""
    sent: list[httpx2.Request] = []
    key = api_key(stack)
    http = httpx2.Client(event_hooks={"request": [sent.append]})
    failed = refusal(OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key, http_client=http))
    expect("a model that failed", (failed.status_code, failed.code), (502, "model_failed"))
    expect("requests, since it may be billed", (len(sent), balance(stack, key)), (1, 10))


def keep_within_limits(stack: Stack) -> None:
    """Keys with a budget and with requests a minute."""
    person = stack.log_in("ada")
    for limits, wanted, kind in [
        ({"budget": {"credits": 1, "per": "day"}}, (402, "insufficient_quota"), APIStatusError),
        ({"requests_per_minute": 1}, (429, "rate_limit_exceeded"), RateLimitError),
    ]:
        key = stack.make_key(person, **limits)
        # The client would wait for as long as it is told before it repeats a request too many.
        client = OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key, max_retries=0)
        client.chat.completions.create(model="dummy", messages=HELLO)
        refused = refusal(client)
        expect(f"beyond {limits}", (refused.status_code, refused.code, isinstance(refused, kind)), (*wanted, True))
        if kind is RateLimitError:
            expect("when to come back", 50 <= int(refused.response.headers["retry-after"]) <= 60, True)
        else:
            expect("what is short", (refused.body["limited_by"], refused.body["remaining"]), ("key", 0))


def embed(client: OpenAI, key: str, stack: Stack) -> None:
    """Vectors, which the client asks for in base64 by itself, and of texts and of tokens."""
    before = balance(stack, key)
    asked = {"model": "vectors", "input": ["Hello", "Goodbye", "Hello"]}
    made = client.embeddings.create(**asked)
    hello, goodbye, again = (item.embedding for item in made.data)
    expect("the places of vectors", [item.index for item in made.data], [0, 1, 2])
    expect("the same text has the same vector", (hello == again, hello == goodbye, len(hello)), (True, False, 8))
    expect("its usage", (made.model, made.usage.prompt_tokens, made.usage.total_tokens), ("vectors", 6, 6))
    numbers = client.embeddings.create(**asked, encoding_format="float").data[0].embedding
    expect("the same as numbers", array.array("f", numbers), array.array("f", hello))
    short = client.embeddings.create(model="vectors", input=[[9906], [0, 1]], dimensions=2).data
    expect("of tokens, of two numbers each", [len(item.embedding) for item in short], [2, 2])
    expect("the price of them", before - balance(stack, key), 6 + 6 + 3)
    try:
        client.embeddings.create(model="dummy", input="Hello")
    except APIStatusError as error:
        expect("a model that talks", (error.status_code, error.param), (400, "input"))


def obey() -> None:
    """The client obeys x-should-retry, which comes with every error that may have been charged or billed.

    Such an error needs a table that does not answer, so that a transport of the test's own answers here.
    """
    for headers, wanted in [({}, ATTEMPTS), ({"x-should-retry": "false"}, 1)]:
        sent: list[httpx2.Request] = []
        answer = httpx2.MockTransport(lambda request: sent.append(request) or httpx2.Response(503, headers=headers))
        client = OpenAI(base_url="http://127.0.0.1/v1", api_key="sk-any", http_client=httpx2.Client(transport=answer))
        refusal(client, extra_headers={"Idempotency-Key": "one-and-the-same"})
        expect(f"requests after a 503 with {headers}", len(sent), wanted)
        expect("their idempotency keys", {request.headers["idempotency-key"] for request in sent}, {"one-and-the-same"})


if __name__ == "__main__":
    obey()
    settings = {"STARTING_TOKENS": str(7 + HANG_UPS), "DUMMY_DELAY_MS": "100"}
    with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
        key = api_key(stack)
        client = OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key)
        for _ in range(HANG_UPS):
            hang_up(client)
        wait_for("the balance after streams that nobody read", lambda: balance(stack, key), 7)
        complete(client)
        expect("the balance after two texts", balance(stack, key), 5)
        talk(client)
        expect("the balance after two messages", balance(stack, key), 3)
        repeat(client)
        expect("the balance after a third, sent three times", balance(stack, key), 2)
        read_headers(client)
        name_the_key_otherwise(stack, key)
        expect("the balance after two more", balance(stack, key), 0)
        be_refused(client)
    with tempfile.TemporaryDirectory() as data:
        models = pathlib.Path(data, "models.json")
        models.write_text(json.dumps(DUMMIES), encoding="utf-8")
        with Stack(data, "--models", str(models), STARTING_TOKENS="1000") as stack:
            key = api_key(stack)
            embed(OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key), key, stack)
    with tempfile.TemporaryDirectory() as data, Stack(data) as stack:
        keep_within_limits(stack)
    for failure, ask in [("cut", break_off), ("error", fail)]:
        settings = {"STARTING_TOKENS": "10", "DUMMY_FAILURE": failure}
        with tempfile.TemporaryDirectory() as data, Stack(data, **settings) as stack:
            ask(stack)
    print("OpenAI's client got what it expects.")
