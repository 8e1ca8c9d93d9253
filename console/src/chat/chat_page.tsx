/** The chat: the conversations, and the one that is open. */

import "../style/chat.css";
import "../style/composer.css";
import "../style/reply.css";
import { NoPage } from "../app.tsx";
import { isId } from "../parts/ids.ts";
import { begun } from "./beginning.ts";
import { ConversationList } from "./conversation_list.tsx";
import { ConversationView } from "./conversation_view.tsx";
import { useIsWide } from "./use_is_wide.ts";

export function ChatPage({ conversation }: { conversation?: string | undefined }) {
  const isWide = useIsWide();
  if (conversation !== undefined && !isId(conversation)) return <NoPage />;
  const current = conversation ?? null;
  return (
    <div class="chat">
      {isWide && (
        <nav class="conversations-place" aria-label="Conversations">
          <ConversationList current={current} />
        </nav>
      )}
      <ConversationView key={current ?? `new ${begun.value}`} conversation={current} />
    </div>
  );
}
