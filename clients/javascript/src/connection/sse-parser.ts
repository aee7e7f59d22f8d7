/** The event stream format (HTML standard, section 9.2.6). */

export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/** Return a parser: it takes the next piece of the stream, cut anywhere, and returns the events that are complete.
 *
 * Lines end with CR LF, LF or CR. An empty line ends an event. A line that starts with a colon is a comment.
 */
export function createSseParser(): (text: string) => SseEvent[] {
  let rest = "";
  let event = "";
  let data: string[] = [];
  return (text) => {
    const events: SseEvent[] = [];
    // A CR at the very end may be the first half of CR LF: keep it until the next piece.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) {
          events.push({ event: event || "message", data: data.join("\n") });
        }
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") {
        event = value;
      } else if (field === "data") {
        data.push(value);
      }
    }
    return events;
  };
}
