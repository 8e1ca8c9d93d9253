"""Measures the time to a reply's first and last words: through the API, and from its model server alone, in turns.

python first_words.py MODEL MODEL_SERVER_URL API_URL API_KEY
"""

import statistics
import sys
import time
from collections.abc import Iterator

from openai import OpenAI

ROUNDS = 30
PROMPT = [{"role": "user", "content": "Write one sentence about the sea."}]


def words(client: OpenAI, model: str) -> Iterator[str]:
    # Without sampling and with a fixed seed, both replies take the same work.
    options = {"temperature": 0.0, "seed": 1, "max_tokens": 24}
    for chunk in client.chat.completions.create(model=model, messages=PROMPT, stream=True, **options):
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def first_and_last_ms(client: OpenAI, model: str) -> tuple[float, float]:
    started, first = time.perf_counter(), None
    for _ in words(client, model):
        first = first or time.perf_counter()
    return (first - started) * 1000, (time.perf_counter() - started) * 1000


def line(name: str, times_ms: list[float]) -> str:
    quantiles = statistics.quantiles(times_ms, n=20)
    return f"| {name} | {min(times_ms):.1f} | {statistics.median(times_ms):.1f} | {quantiles[18]:.1f} |"


def measure(model: str, clients: dict[str, OpenAI]) -> None:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    for number in range(ROUNDS + 1):
        print(f"round {number} of {ROUNDS}", end="\r", file=sys.stderr, flush=True)
        for name, client in clients.items():
            measured = first_and_last_ms(client, model)
            # The first round warms everything up.
            if number > 0:
                times[name].append(measured)
    print(f"| n = {ROUNDS} | min, ms | median | p95 |\n|---|--:|--:|--:|")
    for name, measured in times.items():
        print(line(f"{name}: first word", [first for first, _ in measured]))
        print(line(f"{name}: last word", [last for _, last in measured]))


if __name__ == "__main__":
    _, model, model_server_url, api_url, api_key = sys.argv
    alone = OpenAI(base_url=model_server_url, api_key="none", max_retries=0)
    measure(model, {"model server alone": alone, "through the API": OpenAI(base_url=api_url, api_key=api_key, max_retries=0)})
