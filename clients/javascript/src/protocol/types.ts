/** The objects of an inbox and the frames of the protocol, as docs/protocol.md defines them. REST and frames share the objects. */

/** The platform of a conversation; `facebook` is Messenger. */
export type Platform = "facebook" | "instagram" | "whatsapp";

/** A timestamp: ISO 8601, UTC. The number of decimals varies, so do not compare as strings: use `compareTimestamps`. */
export type Timestamp = string;

/** A part of a message other than its text. Any field may be `null`: show a placeholder. `url` stops working at `expires_at`. */
export interface Attachment {
  /** As the platform names it: `image`, `video`, `audio`, `file`, `sticker`, `location`, …, or `unsupported` for content that the platform withholds. */
  readonly type: string;
  readonly url: string | null;
  /** Caption, file name or headline. */
  readonly title: string | null;
  readonly mime_type: string | null;
  /** Bytes. */
  readonly size: number | null;
  readonly expires_at: Timestamp | null;
  /** Fetch the content with `InboxClient.media`: there is no `url` that a browser could open. */
  readonly media_id: string | null;
  /** In degrees (WGS 84). */
  readonly coordinates: { readonly latitude: number; readonly longitude: number } | null;
  /** Further fields of the platform. Their shape depends on `type`. */
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** Where the customer came from: an ad, a link or a product. */
export interface Referral {
  readonly source?: string | null;
  readonly type?: string | null;
  readonly ref?: string | null;
  readonly ad_id?: string | null;
  readonly title?: string | null;
  readonly url?: string | null;
  readonly product_id?: string | null;
}

/** The current reaction of one person, or of the page. */
export interface Reaction {
  readonly actor_id: string;
  readonly emoji: string;
  readonly at: Timestamp;
}

/** What a message replies to: another message, which may not be loaded or stored, or a story. */
export interface ReplyTo {
  readonly message_id?: string | null;
  readonly story?: Readonly<Record<string, unknown>> | null;
}

/** The status of an outgoing message, in ascending order. A status never goes back. */
export type MessageStatus = "sent" | "failed" | "delivered" | "read" | "played";

/** The current state of a message. */
export interface Message {
  /** The `seq` of the change that created it. Unique in the inbox; never changes. */
  readonly id: number;
  /** The `seq` of its last change. */
  readonly seq: number;
  /** The platform's ID. */
  readonly message_id: string;
  readonly conversation_id: string;
  readonly platform: Platform;
  readonly page_id: string;
  readonly direction: "incoming" | "outgoing";
  readonly sender_id: string;
  /** `null` while unknown. In the state of this library, incoming messages carry the current name of the conversation. */
  readonly sender_name: string | null;
  /** `null` if there is no text or the message was unsent. */
  readonly content: string | null;
  readonly created_at: Timestamp;
  /** A `postback` is a pressed button; `content` is the title of the button. */
  readonly kind: "message" | "postback";
  readonly status: MessageStatus | null;
  readonly error: string | null;
  readonly attachments: readonly Attachment[];
  readonly reactions: readonly Reaction[];
  readonly reply_to: ReplyTo | null;
  readonly payload: string | null;
  readonly referral: Referral | null;
  readonly sent_via: "own_app" | "page_inbox" | "native_app" | "other_app" | null;
  readonly edited_at: Timestamp | null;
  /** When it was unsent. The message stays in the list without its content. */
  readonly deleted_at: Timestamp | null;
  readonly delivered_at: Timestamp | null;
  readonly read_at: Timestamp | null;
  readonly client_ref: string | null;
}

/** The current state of a conversation: everything with one customer on one platform. */
export interface Conversation {
  readonly conversation_id: string;
  readonly platform: Platform;
  readonly participant_id: string;
  readonly participant_name: string | null;
  readonly participant_username: string | null;
  readonly participant_profile_pic: string | null;
  readonly last_message: Message | null;
  readonly last_message_at: Timestamp | null;
  readonly unread_count: number;
  /** The `seq` of its last change. */
  readonly last_seq: number;
  /** Other IDs of the same person. A conversation for each need not exist. */
  readonly linked: readonly { readonly participant_id: string; readonly conversation_id: string }[];
}

/** A page, Instagram account or WhatsApp number that the user has connected. */
export interface Account {
  readonly platform: Platform;
  readonly page_id: string;
  readonly user_id: string;
  readonly name: string | null;
  readonly status: "connected" | "disconnected" | "needs_reauthorization";
  /** Why it is not connected, as a sentence to show. `null` if it is connected. */
  readonly reason: string | null;
  readonly connected_at: Timestamp | null;
}

/** A browser or program of the same user. */
export interface Device {
  readonly id: string;
  readonly name: string | null;
}

/** One search result. `message` is `null` for a person. */
export interface SearchHit {
  readonly type: "person" | "message";
  readonly conversation: Conversation;
  readonly message: Message | null;
  readonly snippet: readonly { readonly text: string; readonly match: boolean }[];
}

/** The first frame of a connection. `resumed` is `false` if the client has to load its state again. */
export interface HelloFrame {
  readonly type: "hello";
  readonly data: {
    readonly seq: number;
    readonly epoch: string;
    readonly resumed: boolean;
    readonly heartbeat_seconds: number;
  };
}

/** A new or changed message, with its conversation. */
export interface MessageFrame {
  readonly type: "new_message" | "message_updated";
  readonly seq: number;
  readonly data: {
    readonly conversation_id: string;
    readonly message: Message;
    readonly conversation: Conversation;
  };
}

/** A changed conversation: read, renamed or linked. */
export interface ConversationFrame {
  readonly type: "conversation_updated";
  readonly seq: number;
  readonly data: { readonly conversation: Conversation };
}

/** An erased conversation: it and its messages are gone. The same ID may begin anew with a later message. */
export interface ConversationRemovedFrame {
  readonly type: "conversation_removed";
  readonly seq: number;
  readonly data: { readonly conversation_id: string };
}

/** A changed account. */
export interface AccountFrame {
  readonly type: "account_updated";
  readonly seq: number;
  readonly data: { readonly account: Account };
}

/** Sent at a regular interval: everything up to `seq` was sent on this connection. */
export interface HeartbeatFrame {
  readonly type: "heartbeat";
  readonly data: { readonly seq: number };
}

/** The client cannot continue from its position and has to load its state again. */
export interface ResetFrame {
  readonly type: "reset";
  readonly data: { readonly seq: number; readonly epoch: string; readonly reason: string };
}

/** Another device of the user is typing, `until` then. */
export interface TypingFrame {
  readonly type: "typing";
  readonly data: { readonly conversation_id: string; readonly who: Device; readonly until: Timestamp };
}

/** Another device of the user came online, went offline or views another conversation. */
export interface PresenceFrame {
  readonly type: "presence";
  readonly data: { readonly who: Device; readonly online: boolean; readonly viewing: string | null };
}

/** The reply to the text `ping`. */
export interface PongFrame {
  readonly type: "pong";
  readonly data?: undefined;
}

/** All server frames of this version of the protocol. */
export type KnownFrame =
  | HelloFrame
  | MessageFrame
  | ConversationFrame
  | ConversationRemovedFrame
  | AccountFrame
  | HeartbeatFrame
  | ResetFrame
  | TypingFrame
  | PresenceFrame
  | PongFrame;

/** A frame as received. Newer servers may send types that this version does not know. */
export interface AnyFrame {
  readonly type: string;
  readonly seq?: number;
  readonly data?: unknown;
}

/** The frames that a client may send. */
export type ClientFrame =
  | { readonly type: "auth"; readonly token: string }
  | { readonly type: "typing"; readonly conversation_id: string }
  | { readonly type: "viewing"; readonly conversation_id: string | null }
  | { readonly type: "read"; readonly conversation_id: string; readonly up_to_seq: number };

/** Selects conversations of a list; a field that is absent selects all. */
export interface ConversationFilter {
  readonly platform?: Platform | undefined;
  /** Only conversations with unread messages. */
  readonly unread?: boolean | undefined;
}

/** One page of a REST list, newest first. */
export interface ListPage<Item> {
  readonly items: readonly Item[];
  /** The cursor of the next page; `null` on the last page. */
  readonly next: string | null;
  /** The `Inbox-Seq` header: the page includes every change up to this `seq`. */
  readonly seq: number;
  /** The `Inbox-Epoch` header. */
  readonly epoch: string;
}
