/**
 * The stores of the browser. They throw where the person has blocked them or where they are full: then a value is kept in memory
 * alone, for as long as the page lives.
 */

class Store {
  readonly #storage: () => Storage;
  readonly #memory = new Map<string, string>();

  /** Even the name of a blocked store throws, so it is looked up with each use. */
  constructor(storage: () => Storage) {
    this.#storage = storage;
  }

  get(key: string): string | null {
    return this.#memory.get(key) ?? this.#try((storage) => storage.getItem(key)) ?? null;
  }

  /** Returns whether the value survives a reload. */
  set(key: string, value: string): boolean {
    const isKept = this.#try((storage) => {
      storage.setItem(key, value);
      return true;
    });
    if (isKept === true) {
      this.#memory.delete(key);
      return true;
    }
    // An older value would come back with a reload.
    this.#try((storage) => storage.removeItem(key));
    this.#memory.set(key, value);
    return false;
  }

  remove(key: string): void {
    this.#memory.delete(key);
    this.#try((storage) => storage.removeItem(key));
  }

  removeAll(prefix: string): void {
    const stored = this.#try((storage) => Object.keys(storage)) ?? [];
    for (const key of [...stored, ...this.#memory.keys()]) {
      if (key.startsWith(prefix)) this.remove(key);
    }
  }

  #try<T>(use: (storage: Storage) => T): T | undefined {
    try {
      return use(this.#storage());
    } catch {
      return undefined;
    }
  }
}

/** Lives as long as the tab. */
export const tabStore = new Store(() => sessionStorage);

/** Is shared by all tabs, and stays when the browser is closed. */
export const browserStore = new Store(() => localStorage);
