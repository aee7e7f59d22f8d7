/** Typed events. A listener that throws does not stop the others: its error is reported as uncaught. */

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Call `listener` for every event of that name.
   *
   * @returns a function that removes the listener
   */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    // A function of its own per registration, so that one listener can be registered twice.
    const registered = (event: Events[Name]): void => {
      listener(event);
    };
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(registered));
    return () => {
      listeners.delete(registered);
    };
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    for (const listener of [...listeners]) {
      if (!listeners.has(listener)) {
        continue; // an earlier listener of this event removed it
      }
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
