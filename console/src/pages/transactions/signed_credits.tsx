/** Credits with their sign: what came in, and what went out. */

const SIGNED = new Intl.NumberFormat(undefined, { signDisplay: "exceptZero" });

export function SignedCredits({ value }: { value: number }) {
  return <span class={value > 0 ? "amount given" : "amount"}>{SIGNED.format(value)}</span>;
}

/** "−12 credits" */
export function signedCredits(value: number): string {
  return `${SIGNED.format(value)} ${Math.abs(value) === 1 ? "credit" : "credits"}`;
}
