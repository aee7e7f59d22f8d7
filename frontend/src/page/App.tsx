import { InboxClient } from "@switchboard/client";
import { InboxProvider } from "@switchboard/client/react";
import { useMemo, useSyncExternalStore } from "react";

import { Inbox } from "./Inbox";
import type { SessionStore } from "./session";
import { SignIn } from "./SignIn";
import { SwitchUser } from "./SwitchUser";

const DEVICE_KEY = "switchboard.device";

/** The inbox of the signed-in user, or the sign-in page. */
export function App({ session }: { session: SessionStore }) {
  const userId = useSyncExternalStore(session.subscribe, () => session.get()?.userId ?? null);
  const proposed = useSyncExternalStore(session.subscribe, session.proposed);
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
      {proposed && <SwitchUser currentUser={client.userId} newUser={proposed.userId} onAnswer={session.answer} />}
    </InboxProvider>
  );
}

/** Return the ID of this browser to the user's other devices: the same in all its tabs. */
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
