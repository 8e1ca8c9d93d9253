/** A message and its reply, as the conversation has them. */

import type { ComponentChildren } from "preact";
import { credits } from "../parts/amounts.tsx";
import { CopyButton } from "../parts/copy_button.tsx";
import { Moment } from "../parts/moment.tsx";
import type { Message } from "./messages.ts";
import { ReplyText } from "./reply_text.tsx";

export function Exchange({ message }: { message: Message }) {
  if (message.text_lost === true) return <LostTexts message={message} />;
  return (
    <>
      <Said text={message.message} />
      <Replied model={message.model}>
        {message.response === "" ? (
          <p class="muted">The model ended without a word.</p>
        ) : (
          <ReplyText text={message.response} />
        )}
        <ReplyFoot message={message} />
      </Replied>
    </>
  );
}

/** The message of the person: as it was typed, and no Markdown. */
export function Said({ text }: { text: string }) {
  return (
    <div class="said">
      <h2 class="sr-only">You</h2>
      <p class="plain" dir="auto">
        {text}
      </p>
    </div>
  );
}

export function Replied({ model, children }: { model: string | null; children: ComponentChildren }) {
  return (
    <div class="replied">
      <h2 class="sr-only">{model ?? "The model"}</h2>
      {children}
    </div>
  );
}

function ReplyFoot({ message }: { message: Message }) {
  return (
    <div class="reply-foot">
      <span>
        <bdi>{message.model}</bdi>
      </span>
      <span title={countsOf(message)}>{credits(message.tokens)}</span>
      <Moment at={message.created_at} />
      {message.response !== "" && <CopyButton text={message.response} label="Copy reply" />}
    </div>
  );
}

function countsOf({ usage }: Message): string {
  const counted = `${usage.input_tokens.toLocaleString()} tokens read, ${usage.output_tokens.toLocaleString()} written`;
  return usage.estimated === true ? `About ${counted}` : counted;
}

function LostTexts({ message }: { message: Message }) {
  return (
    <Replied model={message.model}>
      <p class="muted">
        The texts of this message and its reply could not be stored. It was charged, because the reply was handed out.
      </p>
      <ReplyFoot message={message} />
    </Replied>
  );
}
