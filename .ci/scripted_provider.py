"""A provider of OpenAI's protocol that follows a script, judges what it is asked, and keeps books of what it bills.

It calls each tool once, edits a file with the tools of agents that write programs, replies in JSON where that is asked for,
counts images, makes vectors, and else greets. A request is refused if it has a member that the gateway is not to pass on, or is
not what the protocol says; `ScriptedProvider.faults` has the reasons.
"""

import base64
import contextlib
import http.server
import json
import pathlib
import re
import struct
import tempfile
import threading
from collections.abc import Iterator

from stack import Stack

KEY = "sk-of-the-provider"
CITY = {"city": "Turin"}
GREETING = "Hello"
# The arguments of tools that take no city.
PATCH = "*** Begin Patch\n*** Update File: greeting.txt\n@@\n-Hello\n+Goodbye\n*** End Patch\n"
EDIT = {"old_string": "Hello", "new_string": "Goodbye", "replace_all": False}
ARGUMENTS = {
    "bash": {"command": "echo warm", "description": "Asks for the weather"},
    "Read": {},
    "Edit": EDIT,
    "exec_command": {"cmd": f"apply_patch <<'EOF'\n{PATCH}EOF"},
    "apply_patch": {"input": PATCH},
}
# The tools with which agents edit a file, each agent's in the order in which they are called. Claude Code's want the file's path.
EDITORS = (("Read", "Edit"), ("apply_patch",), ("exec_command",))
OF_A_PATH = ("Read", "Edit")
PATH = re.compile(r"/[^\s\"'\\]*/greeting\.txt")
EDITED = "It is done."
REFUSED, THROTTLED = 400, 429
# Credits a million tokens, but for a request and an image, which have a price each.
PRICES = {"input": 1_000_000, "cached_input": 100_000, "output": 4_000_000, "request": 3, "image": 50}
# The busy one turns each request away once.
MODELS = {"scripted": "script-1", "busy": "script-busy"}
# A name of a model that Codex knows, and for which it has tools of its own.
ALIASES = {"scripted": ["gpt-5.5"], "busy": []}
# The model of embeddings, and the numbers of a vector where nobody says how many.
EMBEDDER = {"id": "embedder", "provider_model": "script-vectors"}
EMBEDDINGS = "/v1/embeddings"
DIMENSIONS = 8
IMAGES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
# The prompt in which dspy's agent asks for its next step, and the reply that has each field of each step.
DSPY = "[[ ## "
STEP = "[[ ## next_thought ## ]]\nAsk.\n[[ ## next_tool_name ## ]]\n{tool}\n[[ ## next_tool_args ## ]]\n{arguments}\n"
LAST_STEP = "[[ ## reasoning ## ]]\nAsked.\n[[ ## answer ## ]]\nIt is warm.\n[[ ## completed ## ]]"

# The members that may arrive. ANY stands for a value of the caller's, which arrives as it is.
ANY = None
CALL = {"id": ANY, "type": ANY, "function": {"name": ANY, "arguments": ANY}}
PART = {"type": ANY, "text": ANY, "image_url": {"url": ANY, "detail": ANY}}
MESSAGE = {
    "role": ANY,
    "content": [PART],
    "name": ANY,
    "tool_calls": [CALL],
    "tool_call_id": ANY,
    "reasoning_content": ANY,
}
FUNCTION = {"name": ANY, "description": ANY, "parameters": ANY, "strict": ANY}
SCHEMA = {"name": ANY, "description": ANY, "schema": ANY, "strict": ANY}
PLAIN = ["model", "max_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "seed"]
REQUEST = {
    **dict.fromkeys([*PLAIN, "tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity", "stream"], ANY),
    "messages": [MESSAGE],
    "tools": [{"type": ANY, "function": FUNCTION}],
    "response_format": {"type": ANY, "json_schema": SCHEMA},
    "stream_options": {"include_usage": ANY},
}
VECTORS_REQUEST = dict.fromkeys(["model", "input", "encoding_format", "dimensions"], ANY)


def strangers(value: object, allowed: object, place: str = "") -> Iterator[str]:
    """The members that are not on the list."""
    if isinstance(value, list) and isinstance(allowed, list):
        for position, element in enumerate(value):
            yield from strangers(element, allowed[0], f"{place}[{position}]")
    elif isinstance(value, dict) and isinstance(allowed, dict):
        for name, member in value.items():
            if name in allowed:
                yield from strangers(member, allowed[name], f"{place}.{name}")
            else:
                yield f"{place}.{name} is not to be passed on"


def images(asked: dict) -> list[str]:
    """The addresses of all images."""
    contents = [said["content"] for said in asked["messages"] if isinstance(said.get("content"), list)]
    return [part["image_url"]["url"] for parts in contents for part in parts if part["type"] == "image_url"]


def is_image(url: str) -> bool:
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return kind in IMAGES and base64.b64decode(data, validate=True).startswith(IMAGES[kind])


def faults(asked: dict) -> Iterator[str]:
    """Everything that is wrong with a request."""
    yield from strangers(asked, REQUEST)
    made = set()
    for position, said in enumerate(asked["messages"]):
        calls = said.get("tool_calls", [])
        made |= {call["id"] for call in calls}
        if said["role"] == "tool" and said["tool_call_id"] not in made:
            yield f"messages[{position}] answers no call"
        if said.get("content") is None and not calls:
            yield f"messages[{position}] says nothing"
        if any(json.loads(call["function"]["arguments"]) != arguments(call["function"]["name"], asked) for call in calls):
            yield f"messages[{position}] has other arguments than the model wrote"
    if "tools" not in asked and {"tool_choice", "parallel_tool_calls"} & asked.keys():
        yield "there is a choice among no tools"
    if asked["max_tokens"] < 1 or asked["model"] not in MODELS.values():
        yield "the model or the length is none"
    if not all(is_image(url) for url in images(asked)):
        yield "an image is none"


def arguments(tool: str, asked: dict) -> dict:
    """The arguments of a call of this tool."""
    written = ARGUMENTS.get(tool, CITY)
    return written | {"file_path": PATH.search(json.dumps(asked["messages"]))[0]} if tool in OF_A_PATH else written


def called(messages: list[dict]) -> set[str]:
    """The names of the tools that were called."""
    return {call["function"]["name"] for said in messages for call in said.get("tool_calls", [])}


def next_tool(asked: dict) -> str | None:
    """The tool that is to be called: one that is demanded, or the first that was not called since the user spoke. An agent that
    edits a file may speak for its user between two calls."""
    choice = asked.get("tool_choice", "auto")
    if isinstance(choice, dict):
        return choice["function"]["name"]
    messages = asked["messages"]
    offered = [tool["function"]["name"] for tool in asked.get("tools", []) if choice != "none"]
    editor = next((tools for tools in EDITORS if {*tools} <= {*offered}), None)
    if editor:
        return next((name for name in editor if name not in called(messages)), None)
    spoke = max((place for place, said in enumerate(messages) if said["role"] == "user"), default=0)
    return next((name for name in offered if name not in called(messages[spoke:])), None)


def text(asked: dict) -> str:
    """The words of a reply that calls no tool."""
    last = asked["messages"][-1]
    if asked.get("response_format", {}).get("type") in {"json_object", "json_schema"}:
        return json.dumps(CITY)
    if any({*tools} <= called(asked["messages"]) for tools in EDITORS):
        return EDITED
    if last["role"] == "tool":
        return f"It is {'warm' if 'warm' in str(last['content']) else 'not known'}."
    if DSPY in str(asked["messages"][0]["content"]):
        tool = "finish" if "warm" in str(last["content"]) else "weather"
        return STEP.format(tool=tool, arguments=json.dumps(CITY if tool == "weather" else {})) + LAST_STEP
    return f"I see {len(images(asked))}." if images(asked) else GREETING


def message(asked: dict) -> tuple[dict, str]:
    """The reply, and its finish reason."""
    reasoning = {"reasoning_content": "Hm."} if "reasoning_effort" in asked else {}
    tool = next_tool(asked)
    if tool is None:
        return {"role": "assistant", "content": text(asked), **reasoning}, "stop"
    function = {"name": tool, "arguments": json.dumps(arguments(tool, asked))}
    call = {"id": f"call-{len(asked['messages'])}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], **reasoning}, "tool_calls"


def usage(asked: dict) -> dict:
    """Counts that differ from request to request. A third of the input is of the cache."""
    said, _ = message(asked)
    read, written = 1 + len(json.dumps(asked["messages"])) // 8, 1 + len(json.dumps(said)) // 8
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": read // 3},
        "completion_tokens_details": {"reasoning_tokens": 1 if "reasoning_content" in said else 0},
    }


def cost(asked: dict) -> int:
    """The credits that the gateway is to charge."""
    counted, cached = usage(asked), usage(asked)["prompt_tokens_details"]["cached_tokens"]
    millionths = (counted["prompt_tokens"] - cached) * PRICES["input"] + cached * PRICES["cached_input"]
    millionths += counted["completion_tokens"] * PRICES["output"]
    return -(-millionths // 1_000_000) + PRICES["request"] + PRICES["image"] * len(images(asked))


def chunks(asked: dict) -> Iterator[dict]:
    """The reply in pieces: each text is cut in the middle."""
    said, reason = message(asked)
    deltas = [{"role": "assistant", "content": None if said["content"] is None else ""}]
    for member in ("reasoning_content", "content"):
        words = said.get(member) or ""
        deltas += [{member: words[:2]}, {member: words[2:]}] if words else []
    for index, call in enumerate(said.get("tool_calls", [])):
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]})
        written = call["function"]["arguments"]
        for part in (written[:5], written[5:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    for delta in deltas:
        yield {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {"choices": [], "usage": usage(asked)}


def vector(text: str, dimensions: int) -> list[float]:
    """The length of a text, halved from number to number: each fits in 32 bits."""
    return [len(text) / 2**place for place in range(dimensions)]


def written(numbers: list[float], form: str) -> list[float] | str:
    """A vector in the form that is asked for."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if form == "base64" else numbers


def embeddings(asked: dict) -> dict:
    """The vectors of all texts."""
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    dimensions, form = asked.get("dimensions", DIMENSIONS), asked.get("encoding_format", "float")
    vectors = [written(vector(text, dimensions), form) for text in texts]
    data = [{"object": "embedding", "index": index, "embedding": numbers} for index, numbers in enumerate(vectors)]
    read = sum(1 + len(text) // 2 for text in texts)
    return {"object": "list", "data": data, "usage": {"prompt_tokens": read, "total_tokens": read}}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        of_vectors = self.path == EMBEDDINGS
        found = [*(strangers(asked, VECTORS_REQUEST) if of_vectors else faults(asked))]
        if self.headers["Authorization"] != f"Bearer {KEY}":
            found.append("the key is another")
        if found:
            self.server.faults += found
            self.begin(REFUSED, "application/json")
            self.write({"error": {"message": "; ".join(found), "type": "invalid_request_error"}})
        elif asked["model"] == MODELS["busy"] and asked not in self.server.turned_away:
            self.server.turned_away.append(asked)
            # Without a Retry-After, on which the gateway would ask again by itself.
            self.begin(THROTTLED, "application/json")
            self.write({"error": {"message": "Come back.", "type": "rate_limit_error"}})
        elif of_vectors:
            answer = embeddings(asked)
            read = answer["usage"]["total_tokens"]
            self.server.billed.append((read * PRICES["input"] // 1_000_000 + PRICES["request"], read))
            self.begin(200, "application/json")
            self.write(answer)
        else:
            self.server.billed.append((cost(asked), usage(asked)["total_tokens"]))
            self.answer(asked)

    def answer(self, asked: dict) -> None:
        if not asked.get("stream"):
            said, reason = message(asked)
            self.begin(200, "application/json")
            self.write({"choices": [{"index": 0, "message": said, "finish_reason": reason}], "usage": usage(asked)})
            return
        self.begin(200, "text/event-stream")
        for chunk in chunks(asked):
            self.write(chunk, "data: {}\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def begin(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def write(self, value: dict, form: str = "{}") -> None:
        self.wfile.write(form.replace("{}", json.dumps(value)).encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


class ScriptedProvider(http.server.ThreadingHTTPServer):
    """A running provider, with its books."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        # The credits and the tokens of each answer.
        self.billed: list[tuple[int, int]] = []
        self.turned_away: list[dict] = []

    def __enter__(self) -> "ScriptedProvider":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.shutdown()
        super().__exit__(*failure)

    def bill(self) -> tuple[int, int]:
        """The credits and the tokens of the answers since the last bill."""
        billed, self.billed = self.billed, []
        return sum(credits for credits, _ in billed), sum(tokens for _, tokens in billed)

    def catalogue(self) -> dict:
        base_url = f"http://127.0.0.1:{self.server_port}/v1"
        takes = {"takes": ["tools", "json_schema", "images", "reasoning"], "image_tokens": 1_000}
        every = {"provider": "scripted", "context_tokens": 200_000, "max_output_tokens": 1_000}
        models = [
            {"id": id, "aliases": ALIASES[id], "provider_model": name, "prices": PRICES, **takes, **every}
            for id, name in MODELS.items()
        ]
        prices = {name: PRICES[name] for name in ("input", "request")} | {"output": 0}
        return {
            "providers": {"scripted": {"protocol": "openai", "base_url": base_url, "key": "scripted"}},
            "models": [*models, {**EMBEDDER, "prices": prices, "takes": ["embeddings"], **every}],
        }


@contextlib.contextmanager
def scripted_stack() -> Iterator[tuple[ScriptedProvider, Stack]]:
    """A provider, and a stack in front of it whose users begin with enough for every hold."""
    settings = {"STARTING_TOKENS": "10000000", "PROVIDER_KEYS": json.dumps({"scripted": KEY})}
    with tempfile.TemporaryDirectory() as data, ScriptedProvider() as provider:
        models = pathlib.Path(data, "models.json")
        models.write_text(json.dumps(provider.catalogue()), encoding="utf-8")
        with Stack(data, "--models", str(models), **settings) as stack:
            yield provider, stack
        assert not provider.faults, provider.faults
