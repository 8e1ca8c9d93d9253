"""The openai package since 1.0. It reads its address and key from the environment."""

from openai import OpenAI

client = OpenAI()
question = {"model": "dummy", "messages": [{"role": "user", "content": "Hello"}]}
whole = client.chat.completions.create(**question)
print("whole:", whole.choices[0].message.content)
chunks = client.chat.completions.create(**question, stream=True)
print("streamed:", "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
