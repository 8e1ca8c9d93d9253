/** Whether a media query holds, now and whenever that changes. */

import { useEffect, useState } from "preact/hooks";

export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const learn = () => setHolds(media.matches);
    learn();
    media.addEventListener("change", learn);
    return () => media.removeEventListener("change", learn);
  }, [query]);
  return holds;
}
