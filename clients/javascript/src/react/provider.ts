/** How components get their client or connection. */

import { createContext, createElement, useContext, useEffect, type ReactNode } from "react";
import type { InboxClient } from "../client.js";
import type { InboxClientOptions } from "../options.js";
import { FrameFeed, SharedFeeds, type FrameSource } from "./frame-feed.js";

/** What all connections have in common: the options of a client without its user. */
export type Configuration = Omit<InboxClientOptions, "userId">;

let feeds: SharedFeeds | null = null;

/** Set the server and the source of tokens for `useWebSocket`. Call it once, before the first rendering. A provider takes
 * precedence.
 *
 * @example
 * configure({ url: "https://inbox.example.com", getToken: () => fetchToken() });
 */
export function configure(configuration: Configuration): void {
  feeds = new SharedFeeds((userId) => new FrameFeed({ ...configuration, userId }));
}

const ClientContext = createContext<InboxClient | null>(null);

export interface InboxProviderProps {
  /** Starts when the provider is mounted and stops when it is unmounted. */
  readonly client: InboxClient;
  readonly children?: ReactNode;
}

/** Provides a client to all components below. */
export function InboxProvider({ client, children }: InboxProviderProps): ReactNode {
  useEffect(() => {
    client.start();
    return () => {
      client.stop();
    };
  }, [client]);
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** Return the client of the provider above.
 *
 * @throws {Error} there is no provider
 */
export function useInboxClient(): InboxClient {
  const client = useContext(ClientContext);
  if (client === null) {
    throw new Error("There is no <InboxProvider> above this component.");
  }
  return client;
}

/** Return the client of the provider above if it belongs to this user, else the shared feed of `configure`.
 *
 * @throws {Error} there is neither
 */
export function useFrameSource(userId: string): FrameSource {
  const client = useContext(ClientContext);
  const source = client?.userId === userId ? client : feeds?.get(userId);
  if (source === undefined) {
    throw new Error("Call configure() first, or render an <InboxProvider> above this component.");
  }
  return source;
}
