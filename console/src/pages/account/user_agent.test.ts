import { expect, test } from "vitest";
import { writtenUserAgent } from "./user_agent.ts";

test("browsers are told apart though they name each other", () => {
  const mozilla = "Mozilla/5.0 (X11; Linux x86_64)";
  const blink = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
  expect(writtenUserAgent(`${mozilla} ${blink}`)).toBe("Chrome or Chromium on Linux");
  expect(writtenUserAgent(`${mozilla} HeadlessChrome/142.0.0.0`)).toBe("Chrome or Chromium on Linux");
  expect(writtenUserAgent(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${blink} Edg/142.0.0.0`)).toBe("Edge on Windows");
  expect(writtenUserAgent("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")).toBe(
    "Firefox on Linux",
  );
  const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
  expect(writtenUserAgent(`${phone} Version/26.0 Mobile/15E148 Safari/604.1`)).toBe("Safari on iOS");
});

test("a program that is no browser is shown as it calls itself", () => {
  expect(writtenUserAgent("curl/8.14.1")).toBe("curl");
  expect(writtenUserAgent("my-program/1.0")).toBe("my-program/1.0");
  expect(writtenUserAgent(null)).toBe("An unknown program");
});
