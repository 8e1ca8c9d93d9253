/** The composer of messages. Its draft stays through a reload and the end of a session. */

import { useQuery } from "@tanstack/preact-query";
import type { RefObject } from "preact";
import { useEffect, useId, useLayoutEffect } from "preact/hooks";
import { balanceQuery } from "../api/queries.ts";
import { announce } from "../parts/announcer.tsx";
import { ProblemNote } from "../parts/problem_note.tsx";
import { bytesLeft, fits } from "./message_size.ts";
import { ModelPicker } from "./model_picker.tsx";
import type { Model } from "./models.ts";
import { isTooDear, useQuote, wordsOfQuote } from "./quote.ts";
import { useMedia } from "./use_media.ts";

interface Props {
  /** Null for one that begins with the message. */
  conversation: string | null;
  draft: string;
  onDraft: (text: string) => void;
  models: Model[];
  chosen: Model | undefined;
  /** The error of reading the models, or of the last try to send. */
  error: Error | null;
  isSending: boolean;
  isReading: boolean;
  /** Why nothing can be sent now, though something is typed. */
  obstacle: string | null;
  onSend: (message: string) => void;
  onStop: () => void;
  /** The field, which takes the focus back after acts elsewhere. */
  area: RefObject<HTMLTextAreaElement>;
}

export function Composer(props: Props) {
  const { draft, onDraft, conversation, area } = props;
  useGrowth(area, draft);
  const [hint, quote] = [useId(), useId()];
  // A keyboard on glass has no Shift+Enter.
  const isTouched = useMedia("(pointer: coarse)");
  useEffect(() => {
    if (!isTouched) area.current?.focus();
  }, [conversation]);
  const asked = { message: draft, model: props.chosen?.id ?? null, conversation: conversation ?? "" };
  const isReady = draft.trim() !== "" && fits(asked) && props.obstacle === null && !props.isSending && !props.isReading;
  const submit = (event?: Event) => {
    event?.preventDefault();
    if (isReady) props.onSend(draft);
    else if (draft.trim() !== "" && props.obstacle !== null) announce(props.obstacle);
    area.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    // While an input method composes, Enter chooses a word. Safari says so by the key code alone.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229 || isTouched) return;
    submit(event);
  };
  return (
    <form class="composer" onSubmit={submit}>
      <ProblemNote error={props.error} />
      <div class="composer-box">
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          aria-label="Message"
          aria-describedby={`${hint} ${quote}`}
          placeholder="Write a message"
          readOnly={props.isSending}
          value={draft}
          onInput={(event) => onDraft(event.currentTarget.value)}
          onKeyDown={onKey}
        />
        {props.isReading ? (
          <button
            key="stop"
            type="button"
            class="secondary"
            // The second click of a double click on "Send" is no stop.
            onClick={(event) => event.detail < 2 && props.onStop()}
          >
            Stop
          </button>
        ) : (
          <button key="send" type="submit" disabled={!isReady} aria-busy={props.isSending}>
            Send
          </button>
        )}
      </div>
      <div class="composer-foot">
        {props.chosen !== undefined && <ModelPicker models={props.models} chosen={props.chosen} />}
        {/* Always there, so that a quote which comes is heard. */}
        <span id={quote} role="status">
          <QuoteNote {...props} />
        </span>
        <span id={hint} class="hint">
          {!isTouched && "Enter sends, Shift+Enter begins a line"}
        </span>
      </div>
      <SizeNote left={bytesLeft(asked)} />
      {props.obstacle !== null && draft.trim() !== "" && <p class="hint">{props.obstacle}</p>}
    </form>
  );
}

/** Grows with its text, as far as the style sheet lets it. */
function useGrowth(area: RefObject<HTMLTextAreaElement>, text: string): void {
  useLayoutEffect(() => {
    const { current } = area;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [text]);
}

/** The quote of the message, and whether the balance covers it. */
function QuoteNote({ conversation, draft, chosen }: Props) {
  const quote = useQuote({ message: draft, model: chosen?.id ?? null, conversation });
  const balance = useQuery(balanceQuery);
  if (quote === null) return null;
  if (typeof quote === "string") return <span class="quote too-dear">{quote}</span>;
  const isDear = isTooDear(quote, balance.data?.credits);
  return (
    <span class={isDear ? "quote too-dear" : "quote"}>
      Costs {wordsOfQuote(quote)}
      {isDear && (
        <>
          , more than you have. <a href="#/vouchers">Redeem a voucher</a>
        </>
      )}
    </span>
  );
}

/** The room below which the page says how much is left. */
const NEAR_BYTES = 8 * 1024;

function SizeNote({ left }: { left: number }) {
  if (left > NEAR_BYTES) return null;
  return (
    <p class={left < 0 ? "hint too-long" : "hint"} role="status">
      {left < 0
        ? `The message is too long: take out ${Math.ceil(-left / 1024).toLocaleString()} KiB.`
        : `There is room for ${Math.floor(left / 1024).toLocaleString()} KiB more.`}
    </p>
  );
}
