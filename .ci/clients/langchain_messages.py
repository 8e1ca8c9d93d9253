"""LangChain, by Anthropic's protocol: a model, the same with tools and with a form, and an agent. Its class reads address and key
from the environment."""

from langchain_anthropic import ChatAnthropic

from langchain_questions import ask
from weather import MODEL

ask(ChatAnthropic(model=MODEL, max_tokens=1000))
