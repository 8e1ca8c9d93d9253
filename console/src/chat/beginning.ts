/**
 * The first message of a new conversation. The conversation is made before the message is sent, which goes on while another page is
 * shown: a composer that is opened in the meantime must not offer the same message again.
 */

import { computed, signal } from "@preact/signals";
import { queryClient } from "../api/queries.ts";
import { keepDraft } from "../parts/drafts.ts";
import { onSignedOut } from "../session/session.ts";
import { makeConversation, titleOf } from "./conversations.ts";
import { messagesQuery } from "./messages.ts";
import { send } from "./replies.ts";
import { checkRoom } from "./sent_store.ts";

/** The place of the draft of a message without a conversation. */
export const NEW_DRAFT = "chat new";

const state = signal({ isUnderWay: false, begun: 0 });
onSignedOut(() => {
  state.value = { isUnderWay: false, begun: 0 };
});

/** Whether a conversation is being made for a message. */
export const isBeginning = computed(() => state.value.isUnderWay);
/** How many conversations have begun. A composer of an earlier count has a draft that was sent. */
export const begun = computed(() => state.value.begun);

/** Makes a conversation and sends its first message. `open` is told of it while the composer of the message is still there. */
export async function begin(message: string, model: string | null, open = (_id: string) => {}): Promise<string> {
  // Without room the message would be refused after the conversation was made.
  checkRoom(message);
  state.value = { ...state.peek(), isUnderWay: true };
  try {
    const { id } = await makeConversation(titleOf(message));
    // A conversation that was just made has no messages.
    const empty = { pages: [{ messages: [], next: null }], pageParams: [null] };
    queryClient.setQueryData(messagesQuery(id).queryKey, empty);
    send({ message, model, conversation: id });
    keepDraft(NEW_DRAFT, "");
    open(id);
    state.value = { isUnderWay: false, begun: state.peek().begun + 1 };
    return id;
  } catch (error) {
    state.value = { ...state.peek(), isUnderWay: false };
    throw error;
  }
}
