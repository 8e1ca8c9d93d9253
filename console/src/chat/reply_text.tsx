/** The text of a reply, drawn block by block. Only blocks that changed are parsed again. */

import { useMemo } from "preact/hooks";
import { CopyButton } from "../parts/copy_button.tsx";
import { type Block, blocksOf } from "./markdown/blocks.ts";
import { htmlOf } from "./markdown/html.ts";
import { sanitised } from "./markdown/sanitise.ts";

export function ReplyText({ text }: { text: string }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  return (
    <div class="reply-text">
      {blocks.map((block, place) => (
        <ReplyBlock key={place} block={block} />
      ))}
    </div>
  );
}

function ReplyBlock({ block }: { block: Block }) {
  switch (block.kind) {
    case "code":
      return <CodeBlock language={block.language} text={block.text} />;
    case "prose":
      return <Prose source={block.source} />;
    case "plain":
      return <PlainText text={block.text} />;
  }
}

function Prose({ source }: { source: string }) {
  const html = useMemo(() => {
    const made = htmlOf(source);
    return made === null ? null : sanitised(made);
  }, [source]);
  if (html === null) return <PlainText text={source} />;
  const isWide = `${html}`.includes("<table");
  return (
    <div
      class="prose"
      dir="auto"
      {...(isWide ? { role: "group", tabIndex: 0, "aria-label": "Table" } : {})}
      // The answer of `sanitised` is the one text that may be HTML here.
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}

function PlainText({ text }: { text: string }) {
  return (
    <p class="plain" dir="auto">
      {text}
    </p>
  );
}

function CodeBlock({ language, text }: { language: string; text: string }) {
  return (
    <figure class="code" dir="ltr">
      <figcaption>
        <span>{language === "" ? "Code" : language}</span>
        <CopyButton text={text} label="Copy code" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard (axe, scrollable-region-focusable). */}
      {/* biome-ignore lint/a11y/useSemanticElements: a section with a name is a landmark, of which a reply would have too many. */}
      <div tabIndex={0} role="group" aria-label={language === "" ? "Code" : `Code in ${language}`}>
        <pre>
          <code>{text}</code>
        </pre>
      </div>
    </figure>
  );
}
