/** The code of a voucher, read from typed text: in any case, with hyphens and spaces anywhere, O for 0, and I or L for 1. */

const LENGTH = 20;
const GROUP = 4;
const CHARACTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ALIKE: Record<string, string> = { O: "0", I: "1", L: "1" };

export type ReadCode =
  /** Twenty characters, as the API writes them. The API decides whether they are a code. */
  | { kind: "whole"; code: string }
  | { kind: "unfinished"; code: string; missing: number }
  | { kind: "too-long"; code: string }
  | { kind: "wrong"; character: string };

/** The typed text as a code. */
export function readCode(typed: string): ReadCode {
  const characters = [...typed.toUpperCase()].filter((character) => !/[\s\p{Dash_Punctuation}]/u.test(character));
  const read = characters.map((character) => ALIKE[character] ?? character);
  const wrong = read.find((character) => !CHARACTERS.includes(character));
  if (wrong !== undefined) return { kind: "wrong", character: wrong };
  const code = read.join("").replace(new RegExp(`.{${GROUP}}(?=.)`, "g"), "$&-");
  if (read.length > LENGTH) return { kind: "too-long", code };
  if (read.length < LENGTH) return { kind: "unfinished", code, missing: LENGTH - read.length };
  return { kind: "whole", code };
}
