export type {
  Account,
  Attachment,
  Conversation,
  Message,
  Platform,
  Presence,
  SearchHit,
  Typing,
} from "@switchboard/client";
