/** A client in a fake browser. The server has one conversation with one message. */

import { InboxClient } from "../../src/client.js";
import type { InboxClientOptions } from "../../src/options.js";
import { messagesOf } from "../../src/state/selectors.js";
import { FakeBrowser } from "./fake-browser.js";
import { conversation, hello, message, tokenUntil } from "./objects.js";

export class ClientHarness extends FakeBrowser {
  constructor() {
    super();
    this.data.conversations = [conversation("c1")];
    this.data.messages = { c1: [message(1)] };
    this.data.seq = 1;
  }

  createClient(options: Partial<InboxClientOptions> = {}): InboxClient {
    return new InboxClient({
      userId: "42",
      getToken: () => tokenUntil(this.time + 3_600_000),
      environment: this.environment,
      ...options,
    });
  }

  /** Return a client that has loaded and received `hello`. */
  async liveClient(options: Partial<InboxClientOptions> = {}): Promise<InboxClient> {
    const client = this.createClient(options);
    client.start();
    await this.settle();
    this.acceptConnection();
    await this.settle();
    return client;
  }

  /** Accept the newest connection, and resume it from the client's position. */
  acceptConnection(): void {
    this.socket.serverAccepts();
    this.socket.serverSends(hello(this.data.seq, true));
  }
}

export function messageTexts(client: InboxClient, id = "c1"): (string | null)[] {
  return messagesOf(client.getState().threads.get(id)).map(({ content }) => content);
}
