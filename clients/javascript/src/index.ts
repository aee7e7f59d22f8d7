/** The client of Switchboard: REST, WebSocket and server-sent events behind one state. */

export { InboxClient } from "./client.js";
export type { GetToken, InboxClientOptions, SearchOptions, SearchPage, TokenReason } from "./client.js";
export type { InboxEvents } from "./inbox-events.js";
export { browserEnvironment } from "./environment.js";
export type { Environment, WebSocketLike } from "./environment.js";
export type { PageEvent } from "./connection-state.js";
export { ApiError, NetworkError, SignedOutError } from "./errors.js";
export { IdMap } from "./id-map.js";
export { compareInstants } from "./instants.js";
export { reduce } from "./reducer.js";
export type { InboxEvent, Page, Snapshot } from "./reducer.js";
export { conversationsOf, messagesOf, unreadCountOf } from "./selectors.js";
export { emptyInbox, filterKey } from "./state.js";
export type { ConversationFilter, ConversationWindow, InboxState, Presence, Thread, Typing } from "./state.js";
export type { ConnectionStatus, Phase, StopReason } from "./status.js";
export type * from "./types.js";
