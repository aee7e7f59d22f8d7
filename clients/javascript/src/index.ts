/** The client of Switchboard: REST, WebSocket and server-sent events behind one state. */

export { InboxClient } from "./client.js";
export type { GetToken, InboxClientOptions, SearchOptions, SearchPage, TokenReason } from "./client.js";
export type { InboxEvents } from "./sync/inbox-events.js";
export { browserEnvironment } from "./runtime/environment.js";
export type { Environment, WebSocketLike } from "./runtime/environment.js";
export type { PageEvent } from "./connection/machine-state.js";
export { ApiError, NetworkError, SignedOutError } from "./runtime/errors.js";
export { IdMap } from "./state/id-map.js";
export { compareInstants } from "./protocol/timestamps.js";
export { reduce } from "./state/reducer.js";
export type { InboxEvent, Page, Snapshot } from "./state/reducer.js";
export { conversationsOf, messagesOf, unreadCountOf } from "./state/selectors.js";
export { emptyInbox, filterKey } from "./state/inbox-state.js";
export type {
  ConversationFilter,
  ConversationWindow,
  InboxState,
  Presence,
  Thread,
  Typing,
} from "./state/inbox-state.js";
export type { ConnectionStatus, Phase, StopReason } from "./connection/status.js";
export type * from "./protocol/types.js";
