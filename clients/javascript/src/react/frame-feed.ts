/** The frames of a user without any state, for `useWebSocket` without a client. */

import { LiveConnection } from "../connection/live-connection.js";
import type { ConnectionStatus } from "../connection/status.js";
import { resolveOptions, type InboxClientOptions } from "../options.js";
import type { AnyFrame } from "../protocol/types.js";
import { Emitter } from "../runtime/emitter.js";
import { advance, initialLogPosition } from "../state/log-position.js";

/** A source of frames in order, and the status of its connection. `InboxClient` is one too. */
export interface FrameSource {
  readonly on: (name: "frame", listener: (frame: AnyFrame) => void) => () => void;
  readonly subscribe: (listener: () => void) => () => void;
  readonly getStatus: () => ConnectionStatus;
  readonly keepPinging: () => () => void;
}

export class FrameFeed implements FrameSource {
  readonly #events = new Emitter<{ readonly frame: AnyFrame; readonly status: ConnectionStatus }>();
  readonly #connection: LiveConnection;
  #log = initialLogPosition;
  #users = 0;

  constructor(options: InboxClientOptions) {
    const { connection, tokens, environment } = resolveOptions({ ...options, url: options.url ?? options.pushUrl });
    this.#connection = new LiveConnection(connection, tokens, environment, {
      onConnecting: () => {
        this.#log = { ...this.#log, needsReconnect: false };
        return { after: this.#log.position, epoch: this.#log.epoch };
      },
      onFrame: (frame) => this.#onFrame(frame),
      onStatus: (status) => {
        this.#events.emit("status", status);
      },
      onError: () => undefined, // the status shows that the connection is retried
    });
  }

  /** Connect until the returned function is called. The connection closes when the last user is gone. */
  retain(): () => void {
    this.#users += 1;
    this.#connection.start();
    return () => {
      this.#users -= 1;
      // A component that is replaced by another one retains the feed again in the same task.
      queueMicrotask(() => {
        if (this.#users === 0) {
          this.#connection.stop();
        }
      });
    };
  }

  on = (name: "frame", listener: (frame: AnyFrame) => void): (() => void) => this.#events.on(name, listener);

  subscribe = (listener: () => void): (() => void) => this.#events.on("status", listener);

  getStatus = (): ConnectionStatus => this.#connection.status;

  keepPinging = (): (() => void) => this.#connection.keepPinging();

  /** Return whether no frame is missing before this one. */
  #onFrame(frame: AnyFrame): boolean {
    const before = this.#log;
    [this.#log] = advance(before, frame);
    if (!this.#log.needsReconnect && (frame.seq === undefined || this.#log.position !== before.position)) {
      this.#events.emit("frame", frame);
    }
    return !this.#log.needsReconnect;
  }
}

/** One feed per user, shared by all components. */
export class SharedFeeds {
  readonly #create: (userId: string) => FrameFeed;
  readonly #feeds = new Map<string, FrameFeed>();

  constructor(create: (userId: string) => FrameFeed) {
    this.#create = create;
  }

  get(userId: string): FrameFeed {
    const feed = this.#feeds.get(userId) ?? this.#create(userId);
    this.#feeds.set(userId, feed);
    return feed;
  }
}
