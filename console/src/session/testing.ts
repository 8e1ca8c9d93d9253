/** Helpers of tests of sessions: tokens, and a server that is asked by `fetch`. */

import { vi } from "vitest";

interface Claims {
  sub?: string;
  sid?: string;
  iat?: number;
  exp?: number;
}

let made = 0;

/** A token that no two calls make alike. */
export function jwt({ sub = "ada", sid = "first", iat = 0, exp = 300 }: Claims = {}): string {
  made += 1;
  const payload = btoa(JSON.stringify({ sub, sid, iat, exp, jti: made }));
  return `head.${payload.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}.signature`;
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

export function problem(status: number, code: string): Response {
  return json({ status, code, detail: `${code}.` }, status);
}

/** Answers each request by `answer`, and keeps the paths that were asked. */
export function serve(answer: (path: string, request: Request) => Response | Promise<Response>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname.slice(1);
    asked.push(path);
    return answer(path, request);
  });
  return asked;
}
