import { InboxClient } from "@switchboard/client";
import { InboxProvider } from "@switchboard/client/react";
import { useMemo, useSyncExternalStore } from "react";

import { Inbox } from "./Inbox";
import type { SessionStore } from "./session";
import { SignIn } from "./SignIn";

const DEVICE_KEY = "switchboard.device";

/** The inbox of whoever is signed in; a page that says how to sign in where nobody is. */
export function App({ session }: { session: SessionStore }) {
  const userId = useSyncExternalStore(session.subscribe, () => session.get()?.userId ?? null);
  const client = useMemo(
    () =>
      userId === null
        ? null
        : new InboxClient({
            userId,
            device: deviceId(),
            getToken: (reason) => (reason === "start" ? (session.get()?.token ?? null) : session.renew()),
          }),
    [session, userId],
  );
  if (client === null) return <SignIn isEmbedded={session.isEmbedded} />;
  return (
    <InboxProvider client={client} key={client.userId}>
      <Inbox session={session} />
    </InboxProvider>
  );
}

/** What this browser is called to the user's other devices: the same for all its tabs. */
function deviceId(): string {
  try {
    const known = window.localStorage.getItem(DEVICE_KEY);
    if (known && /^[\w.:-]{1,64}$/u.test(known)) return known;
    const made = `inbox-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    window.localStorage.setItem(DEVICE_KEY, made);
    return made;
  } catch {
    return `inbox-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  }
}
