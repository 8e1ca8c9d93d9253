import { beforeEach, describe, expect, it, vi } from "vitest";
import { json, jwt, problem, serve } from "./testing.ts";

let sessions: typeof import("./session.ts");
let passwords: typeof import("./password_request.ts");
let channel: { onmessage: ((event: { data: unknown }) => void) | null };

async function openPage(): Promise<void> {
  vi.resetModules();
  sessions = await import("./session.ts");
  passwords = await import("./password_request.ts");
}

/** Errors have the types of the page that threw them. */
const errors = () => import("../api/problem.ts");

/** Each test has a page of its own. */
beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  vi.stubGlobal(
    "BroadcastChannel",
    class {
      onmessage = null;
      constructor() {
        channel = this;
      }
      postMessage() {}
    },
  );
  await openPage();
});

/** Another tab has a token, and tells it. */
async function hearToken(claims: Parameters<typeof jwt>[0]): Promise<void> {
  const { accessToken } = await import("./access_token.ts");
  channel.onmessage?.({ data: { kind: "token", token: accessToken(jwt(claims), Date.now()) } });
}

function get(path: string): Promise<Response> {
  return sessions.authorizedFetch(new Request(new URL(path, location.href)));
}

async function signIn(token = jwt()): Promise<void> {
  serve(() => json({ user: "ada", access_token: token }));
  await sessions.signIn("ada", "a password");
}

describe("a session", () => {
  it("keeps nothing that a script could take away", async () => {
    const token = jwt();
    await signIn(token);
    expect(JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])).not.toContain(token);
  });

  it("asks the server nothing at a stranger's first visit", () => {
    const asked = serve(() => problem(401, "not_authenticated"));
    sessions.begin();
    expect(sessions.session.value.kind).toBe("signed-out");
    expect(asked).toEqual([]);
  });

  it("goes on after a reload by its cookie", async () => {
    await signIn();
    await openPage();
    serve((_, request) =>
      request.headers.get("X-Session") === "cookie" ? json({ access_token: jwt() }) : problem(400, "invalid"),
    );
    sessions.begin();
    await vi.waitFor(() => expect(sessions.session.value.kind).toBe("signed-in"));
  });

  it("is refreshed once for many requests whose token has ended, and each is sent again", async () => {
    const first = jwt();
    await signIn(first);
    const asked = serve((path, request) => {
      if (path === "token/refresh/") return json({ access_token: jwt() });
      const isStale = request.headers.get("Authorization") === `Bearer ${first}`;
      return isStale ? problem(401, "token_not_valid") : json({});
    });
    const answers = await Promise.all([get("keys/"), get("usage/"), get("account/")]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(asked.filter((path) => path === "token/refresh/")).toHaveLength(1);
  });

  it("is not refreshed for a wrong password in a body", async () => {
    await signIn();
    const asked = serve(() => problem(401, "invalid_credentials"));
    expect((await get("keys/")).status).toBe(401);
    expect(asked).toEqual(["keys/"]);
  });

  it("that is over asks for the password, and the request is sent after it", async () => {
    await signIn();
    let isOver = true;
    serve((path) => {
      if (path === "login/") isOver = false;
      if (path === "login/") return json({ user: "ada", access_token: jwt({ sid: "second" }) });
      return isOver ? problem(401, "token_not_valid") : json({});
    });
    const answer = get("keys/");
    await vi.waitFor(() => expect(passwords.passwordWanted.value).toBe("expired"));
    await sessions.signIn("ada", "a password");
    expect((await answer).status).toBe(200);
    expect(passwords.passwordWanted.value).toBeNull();
  });

  it("of another person never pays for what this one asked", async () => {
    await signIn();
    const asked = serve((path) => {
      if (path === "token/refresh/") return json({ access_token: jwt({ sub: "bob" }) });
      return problem(401, "token_not_valid");
    });
    await expect(get("chatView/")).rejects.toThrow("signed out");
    expect(asked).toEqual(["chatView/", "token/refresh/"]);
  });

  it("lets an act be done after a login of the last minutes, and ends the session before", async () => {
    await signIn();
    let isRecent = false;
    const asked = serve((path) => {
      if (path === "login/") isRecent = true;
      return path === "login/" ? json({ user: "ada", access_token: jwt({ sid: "second" }) }) : json({});
    });
    const act = sessions.withRecentLogin(async () => {
      if (!isRecent) throw await (await errors()).problemOf(problem(403, "login_required_again"));
      return "done";
    });
    await vi.waitFor(() => expect(passwords.passwordWanted.value).toBe("recent"));
    await sessions.signIn("ada", "a password");
    expect(await act).toBe("done");
    expect(asked).toContain("sessions/first/");
  });

  it("has a token of the server's own after an act that made the one before worthless", async () => {
    await signIn();
    const next = jwt();
    const asked = serve(() => json({ access_token: next }));
    await sessions.renewToken();
    let sent: string | null = null;
    serve((_, request) => {
      sent = request.headers.get("Authorization");
      return json({});
    });
    await get("sessions/");
    expect(asked).toEqual(["token/refresh/"]);
    expect(sent).toBe(`Bearer ${next}`);
  });

  it("sends the requests of a deletion by one new token, which nothing replaces", async () => {
    await signIn();
    serve(() => json({ access_token: jwt() }));
    const send = await sessions.fetchByOneToken();
    const tokens = new Set<string | null>();
    const asked = serve((_, request) => {
      tokens.add(request.headers.get("Authorization"));
      return problem(401, "token_not_valid");
    });
    for (let tries = 0; tries < 2; tries += 1) await send(new Request(new URL("account/", location.href)));
    expect(asked).toEqual(["account/", "account/"]);
    expect(tokens.size).toBe(1);
  });

  it("of another person deletes nothing for this one", async () => {
    await signIn();
    serve(() => json({ access_token: jwt({ sub: "bob" }) }));
    await expect(sessions.fetchByOneToken()).rejects.toThrow("signed out");
  });

  it("sends nothing as another person who signs in while a token is fetched", async () => {
    await signIn(jwt({ exp: 1 }));
    const asked = serve(async (path) => {
      await hearToken({ sub: "bob", exp: 900 });
      return path === "token/refresh/" ? json({ access_token: jwt({ sub: "bob" }) }) : json({});
    });
    await expect(get("chatView/")).rejects.toThrow("signed out");
    expect(asked).toEqual(["token/refresh/"]);
  });

  it("tells a request that was not sent from one whose answer was lost", async () => {
    await signIn(jwt({ exp: 1 }));
    serve(() => Promise.reject(new TypeError("Failed to fetch")));
    const { NotSent, Unreachable } = await errors();
    const error = await get("chatView/").catch((error) => error);
    expect(error).toBeInstanceOf(NotSent);
    expect(error.cause).toBeInstanceOf(Unreachable);
    serve((path) =>
      path === "token/refresh/" ? json({ access_token: jwt() }) : Promise.reject(new TypeError("Failed to fetch")),
    );
    await expect(get("chatView/")).rejects.toBeInstanceOf(Unreachable);
  });

  it("takes its requests with it when it ends, and those of a loop that go on after it", async () => {
    await signIn();
    const signal = sessions.sessionSignal();
    serve(
      (_, request) =>
        new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
        }),
    );
    const answer = get("export/");
    setTimeout(sessions.leave, 20);
    await expect(answer).rejects.toThrow();
    expect(signal.aborted).toBe(true);
    expect(sessions.sessionSignal().aborted).toBe(false);
  });

  it("that is over keeps drafts if its question is closed", async () => {
    await signIn();
    let hasForgotten = false;
    sessions.onSignedOut(() => {
      hasForgotten = true;
    });
    serve(() => problem(401, "token_not_valid"));
    const answer = get("keys/");
    await vi.waitFor(() => expect(passwords.passwordWanted.value).toBe("expired"));
    sessions.endHere();
    await expect(answer).rejects.toThrow("signed out");
    expect(sessions.session.value.kind).toBe("signed-out");
    expect(hasForgotten).toBe(false);
  });

  it("does nothing if the password for an act is not given, and goes on", async () => {
    await signIn();
    const act = sessions.withRecentLogin(async () => {
      throw await (await errors()).problemOf(problem(403, "login_required_again"));
    });
    await vi.waitFor(() => expect(passwords.passwordWanted.value).toBe("recent"));
    passwords.settlePassword(false, "recent");
    await expect(act).rejects.toThrow("Nothing was done.");
    expect(sessions.session.value.kind).toBe("signed-in");
  });

  it.each([429, 400, 503])("that the server answers with %i is not taken for one that is over", async (status) => {
    await signIn();
    await openPage();
    serve(() => problem(status, "error"));
    sessions.begin();
    await vi.waitFor(() => expect(sessions.session.value.kind).toBe("unreachable"));
    serve(() => json({ access_token: jwt() }));
    sessions.begin();
    await vi.waitFor(() => expect(sessions.session.value.kind).toBe("signed-in"));
  });

  it("is over for a page that comes back after another tab has signed out", async () => {
    await signIn();
    localStorage.clear();
    dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    expect(sessions.session.value.kind).toBe("signed-out");
  });

  it.each([{}, { everywhere: true }])("does not end here if the server cannot end it: %j", async (ends) => {
    await signIn();
    serve(() => problem(503, "unavailable"));
    await expect(sessions.signOut(ends)).rejects.toThrow("unavailable");
    expect(sessions.session.value.kind).toBe("signed-in");
    sessions.leave();
    expect(sessions.session.value.kind).toBe("signed-out");
  });

  it("that is over already ends here, but does not pass for the end of all sessions", async () => {
    await signIn();
    serve(() => problem(401, "not_authenticated"));
    await expect(sessions.signOut({ everywhere: true })).rejects.toThrow("not_authenticated");
    await sessions.signOut();
    expect(sessions.session.value.kind).toBe("signed-out");
  });
});
