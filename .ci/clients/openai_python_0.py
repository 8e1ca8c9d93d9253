"""The openai package before 1.0."""

import os

import openai

openai.api_base = os.environ["OPENAI_BASE_URL"]
question = {"model": "scripted", "messages": [{"role": "user", "content": "Hello"}]}
whole = openai.ChatCompletion.create(**question)
print("whole:", whole.choices[0].message.content)
chunks = list(openai.ChatCompletion.create(**question, stream=True, stream_options={"include_usage": True}))
deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
print("streamed:", "".join(delta.get("content") or "" for delta in deltas))
print("tokens:", whole.usage.total_tokens + chunks[-1].usage.total_tokens)
