"""A provider of OpenAI's protocol that calls the first tool it is offered, and replies in JSON where that is asked for."""

import http.server
import json
import threading
from collections.abc import Iterator

ARGUMENTS = json.dumps({"city": "Turin"})
USAGE = {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60}


def message(asked: dict) -> tuple[dict, str]:
    """The reply, and its finish reason."""
    if asked["messages"][-1]["role"] == "tool":
        return {"role": "assistant", "content": f"It is {asked['messages'][-1]['content']}."}, "stop"
    if "tools" in asked:
        function = {"name": asked["tools"][0]["function"]["name"], "arguments": ARGUMENTS}
        call = {"id": "call-1", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    if asked.get("response_format", {}).get("type") == "json_schema":
        return {"role": "assistant", "content": ARGUMENTS}, "stop"
    return {"role": "assistant", "content": "Hello"}, "stop"


def chunks(asked: dict) -> Iterator[dict]:
    """The reply in pieces: arguments and texts are cut in the middle."""
    said, reason = message(asked)
    deltas = [{"role": "assistant", "content": said["content"] and said["content"][:3]}]
    deltas += [{"content": said["content"][3:]}] if said["content"] else []
    for index, call in enumerate(said.get("tool_calls", [])):
        function = {**call["function"], "arguments": ""}
        deltas.append({"tool_calls": [{**call, "index": index, "function": function}]})
        for part in (ARGUMENTS[:5], ARGUMENTS[5:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    for delta in deltas:
        yield {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {"choices": [], "usage": USAGE}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("stream"):
            events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks(asked)) + "data: [DONE]\n\n"
            self.answer("text/event-stream", events)
        else:
            said, reason = message(asked)
            choice = {"index": 0, "message": said, "finish_reason": reason}
            self.answer("application/json", json.dumps({"choices": [choice], "usage": USAGE}))

    def answer(self, kind: str, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


class ScriptedProvider:
    """A running one: `base_url` is its address."""

    def __enter__(self) -> "ScriptedProvider":
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
