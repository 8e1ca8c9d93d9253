/** The message that is under way in a conversation, and what has come of its reply. */

import { useEffect, useState } from "preact/hooks";
import { credits } from "../parts/amounts.tsx";
import { CopyButton } from "../parts/copy_button.tsx";
import { Replied, Said } from "./exchange.tsx";
import type { Message } from "./messages.ts";
import { ReplyNote } from "./reply_note.tsx";
import { isReading, type Reply, storedOf } from "./reply_state.ts";
import { ReplyText } from "./reply_text.tsx";

interface Props {
  reply: Reply;
  /** The messages of the conversation, newest first. */
  messages: Message[];
  /** The model that is chosen now. */
  model: string | null;
  onEdit: (message: string) => void;
  onActed: () => void;
}

export function LiveExchange({ reply, messages, model, onEdit, onActed }: Props) {
  const { sent, stage, text } = reply;
  // Of what is stored already, the note alone is new.
  const isStored = storedOf(reply, messages) !== undefined;
  if (isStored && stage.kind === "paid") return null;
  return (
    <>
      {!isStored && <Said text={sent.message} />}
      {!isStored && (text !== "" || isReading(reply)) && (
        <Replied model={sent.model}>
          {text !== "" && <ReplyText text={text} />}
          {isReading(reply) && <Waiting isWriting={text !== ""} />}
          {stage.kind === "paid" && (
            <div class="reply-foot">
              <span>{credits(stage.cost)}</span>
              <CopyButton text={text} label="Copy reply" />
            </div>
          )}
        </Replied>
      )}
      <ReplyNote reply={reply} model={model} onEdit={onEdit} onActed={onActed} />
    </>
  );
}

/** The silence after which the page says that models may think for minutes. */
const LONG_SECONDS = 15;

function Waiting({ isWriting }: { isWriting: boolean }) {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="waiting">
      <span class="dots" aria-hidden="true">
        <span />
        <span />
        <span />
      </span>
      {isWriting ? (
        <span class="sr-only">The reply is being written …</span>
      ) : (
        <span>Waiting for the first word …</span>
      )}
      {!isWriting && isLong && <span> Some models think for minutes before they write.</span>}
    </p>
  );
}
