/** What a user's inbox is made of, in REST answers and in frames: the same objects, as docs/protocol.md has them. */

export type Platform = "facebook" | "instagram" | "whatsapp";

/** A moment as text, ISO 8601 in UTC. Such texts do not sort: compare with `compareInstants`. */
export type Instant = string;

/** Something beside the text. Any field may be `null`: show a placeholder, and do not count on `url` after `expires_at`. */
export interface Attachment {
  /** The platform's word: `image`, `video`, `audio`, `file`, `sticker`, `location`, …; `unsupported` for what it does not hand out. */
  readonly type: string;
  readonly url: string | null;
  /** Caption, file name or headline. */
  readonly title: string | null;
  readonly mime_type: string | null;
  /** Bytes. */
  readonly size: number | null;
  readonly expires_at: Instant | null;
  readonly media_id: string | null;
  /** Degrees (WGS 84). */
  readonly coordinates: { readonly latitude: number; readonly longitude: number } | null;
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** What brought the customer: an advertisement, a link, a product. */
export interface Referral {
  readonly source?: string | null;
  readonly type?: string | null;
  readonly ref?: string | null;
  readonly ad_id?: string | null;
  readonly title?: string | null;
  readonly url?: string | null;
  readonly product_id?: string | null;
}

/** One actor's present reaction; the actor may be the page. */
export interface Reaction {
  readonly actor_id: string;
  readonly emoji: string;
  readonly at: Instant;
}

/** What a message answers: another message, which may not be known here, or a story. */
export interface ReplyTo {
  readonly message_id?: string | null;
  readonly story?: Readonly<Record<string, unknown>> | null;
}

/** Of an outgoing message, in ascending order: a status only rises. */
export type MessageStatus = "sent" | "failed" | "delivered" | "read" | "played";

/** A message as it is now. */
export interface Message {
  /** The `seq` of the change that created it: unique in the inbox, and never another one. */
  readonly id: number;
  /** The `seq` of its last change. */
  readonly seq: number;
  /** The platform's id. */
  readonly message_id: string;
  readonly conversation_id: string;
  readonly platform: Platform;
  readonly page_id: string;
  readonly direction: "incoming" | "outgoing";
  readonly sender_id: string;
  /** `null` while nobody knows it. In the state of this library: of an incoming message, the conversation's present name. */
  readonly sender_name: string | null;
  /** `null` where there is no text, and once it was unsent. */
  readonly content: string | null;
  readonly created_at: Instant;
  /** A `postback` is a pressed button: `content` is its title. */
  readonly kind: "message" | "postback";
  readonly status: MessageStatus | null;
  readonly error: string | null;
  readonly attachments: readonly Attachment[];
  readonly reactions: readonly Reaction[];
  readonly reply_to: ReplyTo | null;
  readonly payload: string | null;
  readonly referral: Referral | null;
  readonly sent_via: "own_app" | "page_inbox" | "native_app" | "other_app" | null;
  readonly edited_at: Instant | null;
  /** When it was unsent; the row stays, its content is gone. */
  readonly deleted_at: Instant | null;
  readonly delivered_at: Instant | null;
  readonly read_at: Instant | null;
  readonly client_ref: string | null;
}

/** A conversation as it is now: one customer on one platform. */
export interface Conversation {
  readonly conversation_id: string;
  readonly platform: Platform;
  readonly participant_id: string;
  readonly participant_name: string | null;
  readonly participant_username: string | null;
  readonly participant_profile_pic: string | null;
  readonly last_message: Message | null;
  readonly last_message_at: Instant | null;
  readonly unread_count: number;
  /** The `seq` of its last change. */
  readonly last_seq: number;
  /** The same person's other ids; those conversations need not exist. */
  readonly linked: readonly { readonly participant_id: string; readonly conversation_id: string }[];
}

/** A page, Instagram account or WhatsApp number that the user has connected. */
export interface Account {
  readonly platform: Platform;
  readonly page_id: string;
  readonly user_id: string;
  readonly name: string | null;
  readonly status: "connected" | "disconnected" | "needs_reauthorization";
  /** Why it is not simply connected, as a sentence to show. */
  readonly reason: string | null;
  readonly connected_at: Instant | null;
}

/** A device of the same user. */
export interface Who {
  readonly id: string;
  readonly name: string | null;
}

/** One finding of a search; `message` is `null` for a person. */
export interface SearchHit {
  readonly type: "person" | "message";
  readonly conversation: Conversation;
  readonly message: Message | null;
  readonly snippet: readonly { readonly text: string; readonly match: boolean }[];
}

export interface HelloFrame {
  readonly type: "hello";
  readonly data: {
    readonly seq: number;
    readonly epoch: string;
    readonly resumed: boolean;
    readonly heartbeat_seconds: number;
  };
}

export interface MessageFrame {
  readonly type: "new_message" | "message_updated";
  readonly seq: number;
  readonly data: {
    readonly conversation_id: string;
    readonly message: Message;
    readonly conversation: Conversation;
  };
}

export interface ConversationFrame {
  readonly type: "conversation_updated";
  readonly seq: number;
  readonly data: { readonly conversation: Conversation };
}

export interface AccountFrame {
  readonly type: "account_updated";
  readonly seq: number;
  readonly data: { readonly account: Account };
}

export interface HeartbeatFrame {
  readonly type: "heartbeat";
  readonly data: { readonly seq: number };
}

export interface ResetFrame {
  readonly type: "reset";
  readonly data: { readonly seq: number; readonly epoch: string; readonly reason: string };
}

export interface TypingFrame {
  readonly type: "typing";
  readonly data: { readonly conversation_id: string; readonly who: Who; readonly until: Instant };
}

export interface PresenceFrame {
  readonly type: "presence";
  readonly data: { readonly who: Who; readonly online: boolean; readonly viewing: string | null };
}

export interface PongFrame {
  readonly type: "pong";
  readonly data?: undefined;
}

/** The frames of this version of the protocol. */
export type KnownFrame =
  | HelloFrame
  | MessageFrame
  | ConversationFrame
  | AccountFrame
  | HeartbeatFrame
  | ResetFrame
  | TypingFrame
  | PresenceFrame
  | PongFrame;

/** A frame as it comes, of a type that may not be known yet. */
export interface AnyFrame {
  readonly type: string;
  readonly seq?: number;
  readonly data?: unknown;
}

/** What a client may say. */
export type ClientFrame =
  | { readonly type: "auth"; readonly token: string }
  | { readonly type: "typing"; readonly conversation_id: string }
  | { readonly type: "viewing"; readonly conversation_id: string | null }
  | { readonly type: "read"; readonly conversation_id: string; readonly up_to_seq: number };
