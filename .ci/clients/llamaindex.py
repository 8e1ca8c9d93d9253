"""LlamaIndex, by its class for servers with OpenAI's protocol."""

import os

from llama_index.llms.openai_like import OpenAILike

model = OpenAILike(
    model="dummy",
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    is_chat_model=True,
)
print("whole:", model.complete("Hello").text)
print("streamed:", "".join(part.delta or "" for part in model.stream_complete("Hello")))
