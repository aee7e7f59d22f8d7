import { useInboxClient } from "@switchboard/client/react";
import { useEffect, useRef, useState } from "react";

import { displayName } from "../core/names";
import { previewOf } from "../core/preview";
import { notify, playTone, showUnread } from "./notifications";
import { preferences } from "./preferences";

const TOLD_MS = 4000;

/** Tab title and icon, sound, notification; returns what a screen reader is told of new messages. */
export function useAttention(unread: number, openId: string | null, open: (id: string) => void): string {
  const client = useInboxClient();
  const [told, setTold] = useState("");
  const opened = useRef(openId);
  useEffect(() => {
    opened.current = openId;
  }, [openId]);
  useEffect(() => showUnread(unread, "Inbox"), [unread]);
  useEffect(() => {
    let timer = 0;
    const end = client.on("message", ({ message, conversation }) => {
      if (message.direction !== "incoming" || message.deleted_at) return;
      const who = displayName(conversation);
      const { text } = previewOf(message);
      setTold(`${who}: ${text}`);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setTold(""), TOLD_MS);
      const isWatched = document.visibilityState === "visible" && opened.current === conversation.conversation_id;
      if (isWatched) return;
      if (preferences().sound) playTone();
      if (preferences().notifications && document.visibilityState === "hidden")
        notify(who, text, conversation.conversation_id, () => open(conversation.conversation_id));
    });
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [client, open]);
  return told;
}
