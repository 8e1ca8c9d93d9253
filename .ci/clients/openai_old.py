"""The openai package before 1.0."""

import os

import openai

openai.api_base = os.environ["OPENAI_BASE_URL"]
question = {"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]}
whole = openai.ChatCompletion.create(**question)
print("whole:", whole.choices[0].message.content)
chunks = openai.ChatCompletion.create(**question, stream=True)
print("streamed:", "".join(chunk.choices[0].delta.get("content", "") for chunk in chunks))
