"""The question of the scripts, and the tool and the form that they offer. The provider knows the tool by its name."""

import json

from pydantic import BaseModel

MODEL = "scripted"
QUESTION = "How is the weather in Turin?"
MESSAGES = [{"role": "user", "content": QUESTION}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]


class City(BaseModel):
    """A city."""

    city: str


def weather(city: str) -> str:
    """The weather of a city."""
    return "warm" if city == "Turin" else "not known"


def call(arguments: str) -> str:
    """The result for arguments in JSON."""
    return weather(**json.loads(arguments))
