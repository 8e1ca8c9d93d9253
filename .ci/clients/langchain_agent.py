"""LangChain, by chat completions: a model, the same with tools and with a form, and an agent."""

import os

from langchain_openai import ChatOpenAI

from langchain_questions import ask
from weather import MODEL

ask(ChatOpenAI(model=MODEL, base_url=os.environ["OPENAI_BASE_URL"], stream_usage=True))
