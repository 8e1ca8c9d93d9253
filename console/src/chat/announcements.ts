/** The announcements of a reply to screen readers. The streamed words are no live region: they would be read in pieces. */

import { credits } from "../parts/amounts.tsx";
import { announce, notify } from "../parts/announcer.tsx";
import type { Reply } from "./reply_state.ts";

/** A reply up to this length is read out. A longer one is there to be read in the reader's own time. */
const MOST_CHARACTERS_SPOKEN = 300;

/** Says that the reply is at another stage. Problems are said by their own notes. */
export function announceStage(reply: Reply): void {
  const text = announcementOf(reply);
  if (text === null) return;
  if (isShown(reply)) announce(text);
  else if (reply.stage.kind === "paid") notify("A reply is complete.");
}

export function announcementOf({ stage, text }: Reply): string | null {
  switch (stage.kind) {
    case "writing":
      return "The reply is being written.";
    case "stopped":
      return "Stopped.";
    case "paid": {
      const words = text.length <= MOST_CHARACTERS_SPOKEN ? ` ${text}` : "";
      return `The reply is complete, for ${credits(stage.cost)}.${words}`.trimEnd();
    }
    default:
      return null;
  }
}

function isShown({ sent }: Reply): boolean {
  return location.hash.startsWith(`#/chat/${sent.conversation}`);
}
