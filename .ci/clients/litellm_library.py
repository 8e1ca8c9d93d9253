"""LiteLLM as a library."""

import os

# Else it fetches prices from another host as it starts.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402

question = {
    "model": "openai/dummy",
    "messages": [{"role": "user", "content": "Hello"}],
    "api_base": os.environ["OPENAI_BASE_URL"],
}
print("whole:", litellm.completion(**question).choices[0].message.content)
chunks = litellm.completion(**question, stream=True)
print("streamed:", "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
