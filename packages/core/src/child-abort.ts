/**
 * An abort signal that follows a parent and can also be aborted alone. Dispose it when its work
 * is done: a parent that lives long would otherwise collect a listener for every child
 * (`AbortSignal.any` of Node 20 keeps them).
 */
export class ChildAbort implements Disposable {
  readonly #controller: AbortController = new AbortController();
  readonly #parent: AbortSignal;
  readonly #follow: () => void = () => this.#controller.abort(this.#parent.reason);

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    if (parent.aborted) this.#follow();
    else parent.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts this signal and not its parent. The first reason stays. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Stops following the parent. */
  [Symbol.dispose](): void {
    this.#parent.removeEventListener("abort", this.#follow);
  }
}
