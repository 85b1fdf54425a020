/**
 * The items as they come. Unlike a plain loop it ends while it waits for the next one, when the
 * signal aborts: a peer that has vanished may owe it for long.
 * @throws the signal's reason; what `items` throws.
 */
export async function* partsUntil<T>(
  signal: AbortSignal,
  items: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const source = items[Symbol.asyncIterator]();
  let leave = (): void => undefined;
  // One listener for all items: a promise that outlives them would collect one for each.
  const onAbort = (): void => leave();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        leave = () => reject(signal.reason);
        source.next().then(resolve, reject);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a source that is waiting ends only when its own caller is told.
    Promise.resolve(source.return?.()).catch(() => undefined);
  }
}
