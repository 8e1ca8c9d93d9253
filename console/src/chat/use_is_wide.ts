/** Whether the list of conversations has room beside the conversation. */

import { useMedia } from "./use_media.ts";

export function useIsWide(): boolean {
  return useMedia("(min-width: 60rem)");
}
