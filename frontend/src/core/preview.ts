/** A message in one line, for the list, quotes and notifications. Pure. */

import type { Message } from "../model";
import { iconOf, kindOf, labelOf } from "./attachments";

/** Return the line, never empty. `isNote` means that it describes the message instead of quoting it. */
export function previewOf(message: Message): { text: string; isNote: boolean } {
  if (message.deleted_at) {
    return { text: message.direction === "outgoing" ? "You unsent a message" : "Unsent a message", isNote: true };
  }
  const first = message.attachments[0];
  const content = message.content?.replace(/\s+/gu, " ").trim();
  if (content) {
    const prefix = first ? `${iconOf(kindOf(first))} ` : message.kind === "postback" ? "▸ " : "";
    return { text: prefix + content, isNote: false };
  }
  if (first) {
    const more = message.attachments.length > 1 ? ` +${(message.attachments.length - 1).toString()}` : "";
    return { text: `${iconOf(kindOf(first))} ${labelOf(first)}${more}`, isNote: false };
  }
  if (message.error) return { text: "This message cannot be shown", isNote: true };
  return { text: message.kind === "postback" ? "Pressed a button" : "Empty message", isNote: true };
}
