/** The quote of a message, asked for while it is typed and before anything is spent. */

import { useQuery } from "@tanstack/preact-query";
import { answered, api, type Schema } from "../api/client.ts";
import { ApiProblem } from "../api/problem.ts";
import { credits } from "../parts/amounts.tsx";
import { usePaused } from "../parts/use_paused.ts";

export interface Quote {
  /** The credits that the balance must cover. */
  least: number;
  /** No more than these are charged. */
  most: number;
  /** Whether the prompt is another than this one by a little, so that the quote is about right. */
  isRough: boolean;
}

/** A message that is being typed. */
interface Typed {
  message: string;
  model: string | null;
  /** Null for one that begins with the message. */
  conversation: string | null;
}

/** The pause in typing after which the server is asked. */
const PAUSE_MS = 1000;

/** The quote of what is typed, or why it would be refused: null while it is not known. The next key cancels the question. */
export function useQuote({ message, model, conversation }: Typed): Quote | string | null {
  const paused = usePaused(message, PAUSE_MS, "");
  const isAsked = paused === message && message.trim() !== "";
  const quote = useQuery({
    // While the person types no quote is looked at, and a question that is not looked at is cancelled.
    queryKey: ["quote", conversation, model, isAsked ? paused : null],
    queryFn: ({ signal }) => quoteOf({ message: paused, model, conversation }, signal),
    enabled: isAsked,
    retry: false,
    staleTime: 30_000,
    gcTime: 0,
  });
  if (!isAsked) return null;
  return quote.data ?? (quote.error === null ? null : quoteOfProblem(quote.error));
}

/** A message is quoted only if it would not be refused. The page need not say what the reader can do nothing about. */
export function quoteOfProblem(error: Error): Quote | string | null {
  if (!(error instanceof ApiProblem)) return null;
  const cost = error.number("cost");
  if (error.code === "insufficient_tokens" && cost !== null) return { least: cost, most: cost, isRough: false };
  const isWorthSaying = error.status === 400 || error.status === 429 || error.code === "not_accepting";
  return isWorthSaying ? (Object.values(error.errors).flat()[0] ?? error.message) : null;
}

/** For the very prompt that the message would make in its conversation. A new conversation has no earlier messages to be told. */
async function quoteOf({ message, model, conversation }: Typed, signal: AbortSignal): Promise<Quote | null> {
  if (conversation !== null) {
    const body = { message, conversation, ...(model === null ? {} : { model }) };
    return { ...(await answered(api.POST("/chatView/quote/", { body, signal }))), isRough: false };
  }
  if (model === null) return null;
  const body = { model, messages: [{ role: "user", content: message }] } as Schema<"CompletionRequest">;
  // It lacks the operator's system prompt.
  return { ...(await answered(api.POST("/v1/quote", { body, signal }))), isRough: true };
}

/** "1 credit", "1–3 credits", "about 1–3 credits". */
export function wordsOfQuote({ least, most, isRough }: Quote): string {
  const range =
    least >= most ? credits(most) : credits(most).replace(/^\S+/, (number) => `${least.toLocaleString()}–${number}`);
  return isRough ? `about ${range}` : range;
}

export function isTooDear(quote: Quote, spendable: number | undefined): boolean {
  return spendable !== undefined && quote.least > spendable;
}
