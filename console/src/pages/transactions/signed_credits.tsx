/** Credits with their sign: plus for credits that came in, minus for credits that were spent. */

const SIGNED = new Intl.NumberFormat(undefined, { signDisplay: "exceptZero" });

export function SignedCredits({ value }: { value: number }) {
  return <span class={value > 0 ? "amount given" : "amount"}>{SIGNED.format(value)}</span>;
}

/** "−12 credits" */
export function signedCredits(value: number): string {
  return `${SIGNED.format(value)} ${Math.abs(value) === 1 ? "credit" : "credits"}`;
}
