"""LangChain."""

import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="dummy", base_url=os.environ["OPENAI_BASE_URL"])
print("whole:", model.invoke("Hello").content)
print("streamed:", "".join(chunk.content for chunk in model.stream("Hello")))
