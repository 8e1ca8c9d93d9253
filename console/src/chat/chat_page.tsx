import { Page } from "../parts/page.tsx";

export function ChatPage({ conversation }: { conversation?: string | undefined }) {
  return <Page title="Chat">{conversation}</Page>;
}
