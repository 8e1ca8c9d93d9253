/** A catalogue to begin with: docs/models.md says what the members are. */

export const EXAMPLE = `{
  "providers": {
    "openai": { "protocol": "openai", "key": "openai" }
  },
  "models": [
    {
      "id": "small",
      "provider": "openai",
      "provider_model": "gpt-5-mini",
      "prices": { "input": 2500, "cached_input": 250, "output": 20000 },
      "context_tokens": 200000,
      "max_output_tokens": 16000
    }
  ]
}
`;
