/** React hooks for `InboxClient`. */

export { configure, InboxProvider, useInboxClient } from "./provider.js";
export type { Configuration, InboxProviderProps } from "./provider.js";
export { useConnectionStatus } from "./use-connection-status.js";
export { useConversation } from "./use-conversation.js";
export type { ConversationView } from "./use-conversation.js";
export { useInbox } from "./use-inbox.js";
export type { InboxView } from "./use-inbox.js";
export { useWebSocket } from "./use-web-socket.js";
export type { WebSocketState } from "./use-web-socket.js";
