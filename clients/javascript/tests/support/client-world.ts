/** A client in a small world, with one conversation of one message. */

import { InboxClient, type InboxClientOptions } from "../../src/client.js";
import { messagesOf } from "../../src/state/selectors.js";
import { conversation, hello, message, tokenUntil, World } from "./fake-browser.js";

export class ClientWorld extends World {
  constructor() {
    super();
    this.rows.conversations = [conversation("c1")];
    this.rows.messages = { c1: [message(1)] };
    this.rows.seq = 1;
  }

  client(options: Partial<InboxClientOptions> = {}): InboxClient {
    return new InboxClient({
      userId: "42",
      getToken: () => tokenUntil(this.time + 3_600_000),
      environment: this.environment,
      ...options,
    });
  }

  /** A client that has loaded and heard `hello`. */
  async live(options: Partial<InboxClientOptions> = {}): Promise<InboxClient> {
    const made = this.client(options);
    made.start();
    await this.settles();
    this.greets();
    await this.settles();
    return made;
  }

  /** The newest connection opens, and goes on where the client was. */
  greets(): void {
    this.socket.open();
    this.socket.says(hello(this.rows.seq, true));
  }
}

export function texts(made: InboxClient, id = "c1"): (string | null)[] {
  return messagesOf(made.getState().threads.get(id)).map(({ content }) => content);
}
