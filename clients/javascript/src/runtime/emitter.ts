/** Listeners by name. One that throws does not keep the others from hearing: its error goes where uncaught ones go. */

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const own = (event: Events[Name]): void => {
      listener(event);
    };
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(own));
    return () => {
      listeners.delete(own);
    };
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    for (const listener of [...listeners]) {
      if (!listeners.has(listener)) {
        continue; // another one has ended it just now
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
