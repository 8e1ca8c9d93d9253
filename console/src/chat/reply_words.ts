/** Plain sentences about a reply that is not there, and the acts that are left. */

import { credits } from "../parts/amounts.tsx";
import type { Refusal, Reply } from "./reply_state.ts";

export type ReplyAct =
  /** Ask with the same key: what was charged is not charged again. */
  | "get"
  /** Ask again after a refusal. */
  | "retry"
  /** Ask anew, and pay anew. */
  | "ask-anew"
  /** Take the message back into the composer. */
  | "edit"
  | "dismiss"
  | "voucher"
  | "new-conversation";

export interface ReplyWords {
  sentences: string[];
  acts: ReplyAct[];
  /** Whether it interrupts: something went wrong. */
  isProblem: boolean;
}

const GET = "“Get the reply” asks for the same message again. If it was charged, that costs nothing more.";

export function wordsOf({ stage, text, isReplayed }: Reply): ReplyWords | null {
  switch (stage.kind) {
    case "asking":
    case "writing":
    case "paid":
      return null;
    case "in-progress":
      return {
        sentences: ["The reply is still being written. It is asked for again in a moment, and is charged once."],
        acts: [],
        isProblem: false,
      };
    case "stopped":
      return {
        sentences: [
          "You stopped reading. The model writes on, and the reply is still charged. It appears here when it is complete.",
          GET,
        ],
        acts: ["get", "dismiss"],
        isProblem: false,
      };
    case "found":
      return {
        sentences: [
          "This message was under way when the page was left. If it arrived, its reply appears here when it is complete.",
          GET,
        ],
        acts: ["get", "dismiss"],
        isProblem: false,
      };
    case "unknown":
      return {
        sentences: [stage.sentence, "The message may have been charged.", GET],
        acts: ["get", "dismiss"],
        isProblem: true,
      };
    case "refused":
      return refused(stage.refusal, text !== "");
    case "lost":
      return { ...LOST[stage.reason], isProblem: stage.reason !== "gone" || !isReplayed };
  }
}

const LOST: Record<"broke-off" | "gone" | "too-old", { sentences: string[]; acts: ReplyAct[] }> = {
  "broke-off": {
    sentences: ["The model broke off. What it had written is charged. To ask again is a new message, and costs again."],
    acts: ["ask-anew", "dismiss"],
  },
  gone: {
    sentences: [
      "The reply was charged, and its text is no longer kept. To ask again is a new message, and costs again.",
    ],
    acts: ["ask-anew", "dismiss"],
  },
  "too-old": {
    sentences: [
      "This message was sent almost a day ago, and what became of it is not known. If it was charged, it is among your transactions.",
      "To ask again is a new message, and costs again.",
    ],
    acts: ["ask-anew", "edit", "dismiss"],
  },
};

function refused(refusal: Refusal, hasText: boolean): ReplyWords {
  const acts: ReplyAct[] = ["retry", "edit", "dismiss"];
  if (refusal.code === "insufficient_tokens") {
    return { sentences: tooDear(refusal), acts: ["voucher", "new-conversation", ...acts], isProblem: true };
  }
  const sentences = [refusal.sentence];
  if (refusal.code === "context_length_exceeded")
    sentences.push("Shorten the message, or choose a model that reads more.");
  sentences.push(...waitOf(refusal));
  // Some sentences of the API say it themselves.
  if (!sentences.some((sentence) => sentence.includes("othing was charged"))) {
    sentences.push(hasText ? "What is above was not charged." : "Nothing was charged.");
  }
  return { sentences, acts, isProblem: true };
}

function tooDear({ sentence, cost, balance }: Refusal): string[] {
  const first =
    cost === null || balance === null
      ? sentence
      : `The message costs at least ${credits(cost)}, and you can spend ${credits(balance)}. Nothing was charged.`;
  return [
    first,
    "Redeem a voucher, choose a cheaper model, or shorten the message. In a new conversation a message costs less, since the model is not told the earlier ones.",
  ];
}

function waitOf({ retryAfterSeconds: seconds, sentence }: Refusal): string[] {
  if (seconds === null || sentence.includes("Expected available")) return [];
  return [`Try again in ${seconds === 1 ? "a second" : `${seconds} seconds`}.`];
}
