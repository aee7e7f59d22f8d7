/** A message in one line, for the list, for quotes and for notifications. Pure. */

import type { Message } from "../model";
import { iconOf, labelOf, shapeOf } from "./attachments";

/** Return the line; never empty. `isUnsent` tells that it is a note about the message and not what was said. */
export function previewOf(message: Message): { text: string; isNote: boolean } {
  if (message.deleted_at)
    return { text: message.direction === "outgoing" ? "You unsent a message" : "Unsent a message", isNote: true };
  const first = message.attachments[0];
  const said = message.content?.replace(/\s+/gu, " ").trim();
  if (said)
    return {
      text: first ? `${iconOf(shapeOf(first))} ${said}` : message.kind === "postback" ? `▸ ${said}` : said,
      isNote: false,
    };
  if (first) {
    const more = message.attachments.length > 1 ? ` +${(message.attachments.length - 1).toString()}` : "";
    return { text: `${iconOf(shapeOf(first))} ${labelOf(first)}${more}`, isNote: false };
  }
  if (message.error) return { text: "This message cannot be shown", isNote: true };
  return { text: message.kind === "postback" ? "Pressed a button" : "Empty message", isNote: true };
}
