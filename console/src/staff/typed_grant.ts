/** A grant as a form has it: text that was typed, and may be no number yet. */

export interface TypedGrant {
  direction: "give" | "take";
  amount: string;
  reason: string;
}

const BLANK: TypedGrant = { direction: "give", amount: "", reason: "" };

/** The typed fields, as a draft has them. */
export function typedIn(draft: string): TypedGrant {
  try {
    const { direction, amount, reason } = JSON.parse(draft);
    if (typeof amount !== "string" || typeof reason !== "string") return BLANK;
    return { direction: direction === "take" ? "take" : "give", amount, reason };
  } catch {
    return BLANK;
  }
}

/** The amount and the reason of a grant that was sent. */
export function typedOf({ amount, reason }: { amount: number; reason: string }): TypedGrant {
  return { direction: amount < 0 ? "take" : "give", amount: `${Math.abs(amount)}`, reason };
}

/** The credits that are given: a negative number is taken back. */
export function grantOf({ direction, amount, reason }: TypedGrant): { amount: number; reason: string } {
  return { amount: direction === "take" ? -Number(amount) : Number(amount), reason: reason.trim() };
}
