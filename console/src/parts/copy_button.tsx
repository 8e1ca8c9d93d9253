/** A button that copies a text, and says that it did. */

import { useEffect, useState } from "preact/hooks";
import { announce } from "./announcer.tsx";

const DONE_MS = 2000;

interface Props {
  text: string | (() => string);
  label?: string;
  onCopied?: () => void;
}

export function CopyButton({ text, label = "Copy", onCopied }: Props) {
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  useEffect(() => {
    if (state === "ready") return;
    const timer = setTimeout(() => setState("ready"), DONE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setState("copied");
      announce("Copied.");
      onCopied?.();
    } catch {
      setState("failed");
      announce("The browser did not let it be copied.");
    }
  };
  const words = { ready: label, copied: "Copied", failed: "Not copied" };
  return (
    <button type="button" class="small secondary" onClick={() => void copy()}>
      {words[state]}
    </button>
  );
}
