"""LlamaIndex, by its class for servers with OpenAI's protocol, which asks for completions unless it is told otherwise."""

import os

from llama_index.llms.openai_like import OpenAILike

address = {"api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
model = OpenAILike(model="scripted", additional_kwargs={"stream_options": {"include_usage": True}}, **address)
whole = OpenAILike(model="scripted", **address).complete("Hello")
print("whole:", whole.text)
parts = [*model.stream_complete("Hello")]
print("streamed:", "".join(part.delta or "" for part in parts))
print("tokens:", sum(answer.raw.usage.total_tokens for answer in (whole, parts[-1])))
