/** How far the audit is behind, in words. */

/** A pass each quarter of an hour, and another one that was missed. */
const USUAL_S = 45 * 60;

export function lagOf(seconds: number): { words: string; isUsual: boolean } {
  return { words: wordsOf(seconds), isUsual: seconds <= USUAL_S };
}

function wordsOf(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
