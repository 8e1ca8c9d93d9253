"""LlamaIndex's embeddings, by its class for servers with OpenAI's protocol."""

import os

from llama_index.embeddings.openai_like import OpenAILikeEmbedding

address = {"api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
model = OpenAILikeEmbedding(model_name="embedder", **address)
vectors = [model.get_query_embedding("Hello"), *model.get_text_embedding_batch(["Turin is warm"])]
print("embeddings:", *(int(vector[0]) for vector in vectors))
