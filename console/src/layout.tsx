/** The frame of every page: the way to the others, the balance, and the foot. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { addressOf } from "./api/base.ts";
import type { Schema } from "./api/client.ts";
import { Balance } from "./balance.tsx";
import { Menu } from "./menu.tsx";
import { ThemeChoice } from "./parts/theme.tsx";
import { session } from "./session/session.ts";
import { SignOutButton } from "./session/sign_out_button.tsx";

const OF_A_PERSON = [
  { path: "/chat", label: "Chat" },
  { path: "/usage", label: "Usage" },
  { path: "/transactions", label: "Transactions" },
  { path: "/keys", label: "API keys" },
  { path: "/vouchers", label: "Vouchers" },
  { path: "/account", label: "Account" },
];
const OF_STAFF = { path: "/staff/users", label: "Staff" };

interface Props {
  account?: Schema<"Account"> | undefined;
  children: ComponentChildren;
}

export function Layout({ account, children }: Props) {
  const isSignedIn = session.value.kind === "signed-in";
  const skip = (event: Event) => {
    // The part behind the # is the route, so this link cannot be one to an anchor.
    event.preventDefault();
    document.getElementById("content")?.focus();
  };
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: people at a keyboard expect a link that skips. */}
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          chat-api
        </a>
        {isSignedIn && <Menu pages={account?.staff === true ? [...OF_A_PERSON, OF_STAFF] : OF_A_PERSON} />}
        {isSignedIn && <Balance />}
      </header>
      <main id="content" tabIndex={-1}>
        <OfflineNote />
        {children}
      </main>
      <footer class="foot">
        <ThemeChoice />
        <a href={addressOf("docs/")}>API documentation</a>
        <a href={addressOf("assets/licences.md")}>Licences</a>
        {isSignedIn && <SignOutButton name={account?.username} />}
      </footer>
    </>
  );
}

/** Says that there is no network, where the browser knows it. */
function OfflineNote() {
  const [isOnline, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setOnline(navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => {
      removeEventListener("online", look);
      removeEventListener("offline", look);
    };
  }, []);
  if (isOnline) return null;
  return (
    <div class="problem" role="status">
      <p>You are offline. What you type is kept until there is a connection again.</p>
    </div>
  );
}
