"""dspy: a prediction, and an agent that asks for its steps in the words of dspy's prompt."""

import os

# Else LiteLLM, by which it asks, fetches prices from another host as it starts.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import dspy  # noqa: E402

from weather import MODEL, QUESTION, weather  # noqa: E402

model = dspy.LM(f"openai/{MODEL}", api_base=os.environ["OPENAI_BASE_URL"], cache=False)
dspy.configure(lm=model)
print("whole:", *model("Hello"))
print("agent:", dspy.ReAct("question -> answer", tools=[weather])(question=QUESTION).answer)
print("tokens:", sum(asked["usage"]["total_tokens"] for asked in model.history))
