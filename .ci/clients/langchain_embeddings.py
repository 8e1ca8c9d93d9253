"""LangChain's embeddings. Its class reads address and key from the environment."""

from langchain_openai import OpenAIEmbeddings

# Else it cuts texts into tokens by a file of another host.
model = OpenAIEmbeddings(model="embedder", check_embedding_ctx_length=False)
vectors = [model.embed_query("Hello"), *model.embed_documents(["Turin is warm"])]
print("embeddings:", *(int(vector[0]) for vector in vectors))
