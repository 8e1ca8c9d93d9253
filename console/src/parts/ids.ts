/** The ids of the API: 128 bits in Crockford's Base32, as a ULID is written. */

const ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function isId(text: string | null | undefined): text is string {
  return text != null && ID.test(text);
}

/** An ended key has no name any more: the end of its id tells it from others. */
export function endedKeyName(id: string): string {
  return `Ended key ${id.slice(-4)}`;
}
