import { describe, expect, it } from "vitest";
import { choose, chosenOf, type Model, pricesOf, replying } from "./models.ts";

const FREE = { prompt: "0", completion: "0", request: "0", image: "0", input_cache_read: "0", input_cache_write: "0" };

function model(id: string, pricing: Partial<Model["pricing"]> = {}, parameters = ["max_tokens"]): Model {
  const prices = { ...FREE, ...pricing };
  return {
    id,
    object: "model",
    created: 0,
    owned_by: "chat-api",
    context_length: 1,
    pricing: prices,
    supported_parameters: parameters,
  };
}

describe("the models", () => {
  it("are offered if they reply, and not if they make embeddings", () => {
    const all = [model("a"), model("vectors", {}, ["dimensions", "encoding_format"])];
    expect(replying(all).map(({ id }) => id)).toEqual(["a"]);
  });

  it("begin with the one that was chosen the last time, as long as there is one", () => {
    choose("b");
    expect(chosenOf([model("a"), model("b")])?.id).toBe("b");
    expect(chosenOf([model("a"), model("c")])?.id).toBe("a");
    expect(chosenOf([])).toBeUndefined();
  });

  it("say their prices in a few words", () => {
    expect(pricesOf(model("a"))).toBe("free");
    expect(pricesOf(model("a", { request: "1" }))).toBe("1 credit a message");
    expect(pricesOf(model("a", { prompt: "0.000003", completion: "0.000015" }))).toBe(
      "reads 3, writes 15 credits per million tokens",
    );
    expect(pricesOf(model("a", { prompt: "1", request: "2" }))).toBe(
      "2 credits a message, and reads 1,000,000, writes 0 credits per million tokens",
    );
  });
});
