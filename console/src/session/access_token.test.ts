import { describe, expect, it } from "vitest";
import { accessToken, isFresh } from "./access_token.ts";
import { jwt } from "./testing.ts";

describe("an access token", () => {
  it("names its user and its session", () => {
    expect(accessToken(jwt({ sub: "ada", sid: "first" }), 0)).toMatchObject({ userId: "ada", sessionId: "first" });
  });

  it("lives as long as its server says, whatever the browser's clock shows", () => {
    const token = accessToken(jwt({ iat: 1_000_000, exp: 1_000_300 }), 5_000);
    expect(token.goodUntil).toBe(305_000);
    expect(isFresh(token, 284_999)).toBe(true);
    expect(isFresh(token, 285_000)).toBe(false);
  });
});
