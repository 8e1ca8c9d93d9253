/** A text that is being typed, once the person pauses. */

import { useEffect, useState } from "preact/hooks";

/** `text` as it was when it had stayed the same for `pauseMs`: `first` before that. */
export function usePaused(text: string, pauseMs: number, first = text): string {
  const [paused, setPaused] = useState(first);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text, pauseMs]);
  return paused;
}
