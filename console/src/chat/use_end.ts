/** Keeps the end of a log in view while the reader is at the end. Further up, what is in view stays where it is. */

import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** The distance from the end that still counts as being there. */
const NEAR_PIXELS = 48;

interface End {
  scroller: RefObject<HTMLDivElement>;
  content: RefObject<HTMLDivElement>;
  isAway: boolean;
  goToEnd: () => void;
}

/** `first` is the first thing in the log: where another one comes before it, what was in view stays where it is. */
export function useEnd(first: string | undefined): End {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const fromEnd = useRef(0);
  const [isAway, setAway] = useState(false);
  const isThere = useRef(true);

  const goToEnd = useCallback(() => {
    isThere.current = true;
    setAway(false);
    if (scroller.current !== null) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, []);

  useEffect(() => {
    const box = scroller.current;
    if (box === null || content.current === null) return;
    const measure = () => {
      fromEnd.current = box.scrollHeight - box.scrollTop;
      isThere.current = fromEnd.current - box.clientHeight < NEAR_PIXELS;
      setAway(!isThere.current);
    };
    const follow = () => {
      if (isThere.current) box.scrollTop = box.scrollHeight;
      else measure();
    };
    const observer = new ResizeObserver(follow);
    observer.observe(content.current);
    observer.observe(box);
    box.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", measure);
    };
  }, []);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (box !== null && !isThere.current) box.scrollTop = box.scrollHeight - fromEnd.current;
  }, [first]);

  return { scroller, content, isAway, goToEnd };
}
