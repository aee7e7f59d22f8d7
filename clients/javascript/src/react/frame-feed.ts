/** Only the frames of a user, without any state: what `useWebSocket` needs where there is no client. */

import { Emitter } from "../runtime/emitter.js";
import { browserEnvironment } from "../runtime/environment.js";
import { LiveConnection } from "../connection/live-connection.js";
import { advance, nowhere } from "../state/log-position.js";
import type { InboxClientOptions } from "../options.js";
import type { ConnectionStatus } from "../connection/status.js";
import { Tokens } from "../runtime/token-cache.js";
import type { AnyFrame } from "../protocol/types.js";

/** Frames one after another, and whether they come. `InboxClient` is one too. */
export interface FrameSource {
  readonly on: (name: "frame", listener: (frame: AnyFrame) => void) => () => void;
  readonly subscribe: (listener: () => void) => () => void;
  readonly getStatus: () => ConnectionStatus;
  readonly keepPinging: () => () => void;
}

export class FrameFeed implements FrameSource {
  readonly #events = new Emitter<{ readonly frame: AnyFrame; readonly status: ConnectionStatus }>();
  readonly #connection: LiveConnection;
  #log = nowhere;
  #users = 0;

  constructor(options: InboxClientOptions) {
    const environment = { ...browserEnvironment(), ...options.environment };
    const url = options.pushUrl ?? options.url ?? environment.origin();
    const place = {
      userId: options.userId,
      pushUrl: url.replace(/\/+$/, ""),
      device: options.device,
      sseAfterFailures: options.sseAfterFailures ?? 3,
    };
    this.#connection = new LiveConnection(
      place,
      new Tokens(options.getToken, options.userId, environment.now),
      environment,
      {
        connecting: () => {
          this.#log = { ...this.#log, reconnect: false };
          return { after: this.#log.position, epoch: this.#log.epoch };
        },
        frame: (frame) => this.#onFrame(frame),
        status: (status) => {
          this.#events.emit("status", status);
        },
        failed: () => undefined, // the status says that it goes on trying
      },
    );
  }

  /** Keep it going until the function that this returns is called; it stops when the last one has gone. */
  use(): () => void {
    this.#users += 1;
    this.#connection.start();
    return () => {
      this.#users -= 1;
      // A component that is only replaced by another one comes back within the same task.
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

  #onFrame(frame: AnyFrame): boolean {
    const before = this.#log;
    [this.#log] = advance(before, frame);
    if (!this.#log.reconnect && (frame.seq === undefined || this.#log.position !== before.position)) {
      this.#events.emit("frame", frame);
    }
    return !this.#log.reconnect;
  }
}

/** One feed a user, for all who look. */
export class Feeds {
  readonly #make: (userId: string) => FrameFeed;
  readonly #feeds = new Map<string, FrameFeed>();

  constructor(make: (userId: string) => FrameFeed) {
    this.#make = make;
  }

  get(userId: string): FrameFeed {
    const feed = this.#feeds.get(userId) ?? this.#make(userId);
    this.#feeds.set(userId, feed);
    return feed;
  }
}
