/** Access tokens, and their end by this machine's own clock. */

export interface AccessToken {
  readonly jwt: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Milliseconds since the Unix epoch, by this machine's clock. */
  readonly goodUntil: number;
}

/** Time before its end in which a token is replaced already, so that no request arrives with one that has just ended. */
const MARGIN_MS = 20_000;

/** The token in an answer that came at `now`. Server and browser may disagree about the time: its life counts from its arrival. */
export function accessToken(jwt: string, now: number): AccessToken {
  const claims = claimsOf(jwt);
  return { jwt, userId: claims.sub, sessionId: claims.sid, goodUntil: now + (claims.exp - claims.iat) * 1000 };
}

export function isFresh(token: AccessToken, now: number): boolean {
  return now < token.goodUntil - MARGIN_MS;
}

interface Claims {
  sub: string;
  sid: string;
  exp: number;
  iat: number;
}

function claimsOf(jwt: string): Claims {
  const [, payload = ""] = jwt.split(".");
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
}
