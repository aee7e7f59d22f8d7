/** The client library of Switchboard: an inbox over REST, WebSocket and server-sent events, as one state. */

export { InboxClient } from "./client.js";
export type { SearchOptions, SearchPage } from "./client.js";
export type { ConnectionStatus, Phase, StopReason } from "./connection/status.js";
export type { InboxClientOptions } from "./options.js";
export { compareTimestamps } from "./protocol/timestamps.js";
export type * from "./protocol/types.js";
export { browserEnvironment } from "./runtime/environment.js";
export type { Environment, LifecycleEvent, WebSocketLike } from "./runtime/environment.js";
export { ApiError, NetworkError, SignedOutError } from "./runtime/errors.js";
export type { GetToken, TokenReason } from "./runtime/token-cache.js";
export type { InboxAction, Snapshot } from "./state/actions.js";
export { IdMap } from "./state/id-map.js";
export { emptyInbox, filterKey } from "./state/inbox-state.js";
export type { ConversationWindow, InboxState, Presence, Thread, Typing } from "./state/inbox-state.js";
export { reduce } from "./state/reducer.js";
export { conversationsOf, messagesOf, unreadCountOf } from "./state/selectors.js";
export type { InboxEvents } from "./sync/inbox-events.js";
