"""Instructor, in each of its ways to get a form: by a tool, by JSON, and by a schema. It reads address and key from the environment."""

import instructor
from openai import OpenAI

from weather import MESSAGES, MODEL, City

asked = {"model": MODEL, "messages": MESSAGES, "response_model": City}
found, tokens = set(), 0
for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON, instructor.Mode.JSON_SCHEMA):
    client = instructor.from_openai(OpenAI(), mode=mode)
    city, answer = client.chat.completions.create_with_completion(**asked)
    found.add(city.city)
    tokens += answer.usage.total_tokens
print("object:", *found)
print("tokens:", tokens)
