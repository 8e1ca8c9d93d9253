// The package openai of npm, by embeddings. It reads its address and key from the environment.
import OpenAI from "openai";

const { data, usage } = await new OpenAI().embeddings.create({ model: "embedder", input: ["Hello", "Turin is warm"] });
console.log("embeddings:", ...data.map(({ embedding }) => embedding[0]));
console.log("tokens:", usage.total_tokens);
