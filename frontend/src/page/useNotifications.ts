import { useInboxClient } from "@switchboard/client/react";
import { useEffect, useRef, useState } from "react";

import { displayName } from "../core/names";
import { previewOf } from "../core/preview";
import { playTone, showNotification, showUnreadInTab } from "./notifications";
import { preferences } from "./preferences";

const ANNOUNCED_MS = 4000;

/** Announce new messages by tab title and icon, sound and notification. Returns the text for screen readers. */
export function useNotifications(unread: number, openId: string | null, open: (id: string) => void): string {
  const client = useInboxClient();
  const [announcement, setAnnouncement] = useState("");
  const openIdRef = useRef(openId);
  useEffect(() => {
    openIdRef.current = openId;
  }, [openId]);
  useEffect(() => showUnreadInTab(unread, "Inbox"), [unread]);
  useEffect(() => {
    let timer = 0;
    const unsubscribe = client.on("message", ({ message, conversation }) => {
      if (message.direction !== "incoming" || message.deleted_at) return;
      const id = conversation.conversation_id;
      const name = displayName(conversation);
      const { text } = previewOf(message);
      setAnnouncement(`${name}: ${text}`);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setAnnouncement(""), ANNOUNCED_MS);
      const isVisible = document.visibilityState === "visible";
      if (isVisible && openIdRef.current === id) return;
      if (preferences().sound) playTone();
      if (preferences().notifications && !isVisible) showNotification(name, text, id, () => open(id));
    });
    return () => {
      window.clearTimeout(timer);
      unsubscribe();
    };
  }, [client, open]);
  return announcement;
}
