import assert from "node:assert/strict";
import { ChildAbort } from "./child-abort.js";

type Outcome<R> = { readonly value: R } | null;

/**
 * Runs `work` on every item, at most `concurrency` at a time (finished ones whose result was not
 * taken yet included), and yields the results in the order of the items.
 *
 * When one fails, or the consumer leaves, or `signal` aborts, no further item is begun, the
 * signal given to the others aborts, and all of them have settled before this one does: no work
 * goes on behind an error.
 * @throws the first failure in time, or the signal's reason.
 */
export async function* orderedConcurrency<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal,
): AsyncGenerator<R, void, undefined> {
  assert.ok(concurrency >= 1);
  using abort = new ChildAbort(signal);
  const source = iterate(items);
  const running: { outcome: Outcome<R>; settled: Promise<void> }[] = [];
  /** In order of time; the first is thrown. */
  const failures: unknown[] = [];
  let pulling = false;
  let exhausted = false;
  let left = false;
  let wake: () => void = () => undefined;

  const fail = (error: unknown): void => {
    failures.push(error);
    abort.abort(error);
    wake();
  };
  const begin = (item: T): void => {
    const entry = { outcome: null as Outcome<R>, settled: Promise.resolve() };
    entry.settled = runSafely(() => work(item, abort.signal)).then((value) => {
      entry.outcome = { value };
      wake();
    }, fail);
    running.push(entry);
  };
  const pull = (): void => {
    pulling = true;
    source.next().then((next) => {
      pulling = false;
      if (next.done === true) exhausted = true;
      else if (failures.length === 0 && !left) begin(next.value);
      wake();
    }, fail);
  };
  const onAbort = (): void => fail(signal.reason);

  try {
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    while (failures.length === 0) {
      if (!exhausted && !pulling && running.length < concurrency) pull();
      const head = running[0];
      if (head?.outcome) {
        running.shift();
        yield head.outcome.value;
      } else if (exhausted && running.length === 0) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    left = true;
    signal.removeEventListener("abort", onAbort);
    // Only a consumer that left early finds some running without a failure.
    if (running.length > 0) abort.abort(new Error("the results are no longer wanted"));
    // A source stuck in next() must not hold the error back.
    const closed = runSafely(async () => source.return?.());
    closed.catch(() => undefined);
    await Promise.all(running.map((entry) => entry.settled));
    if (!pulling) await closed.catch(() => undefined);
  }
  throw failures[0];
}

function iterate<T>(items: Iterable<T> | AsyncIterable<T>): AsyncIterator<T> {
  if (Symbol.asyncIterator in items) return items[Symbol.asyncIterator]();
  const source = items[Symbol.iterator]();
  return {
    next: async () => source.next(),
    return: async () => source.return?.() ?? { done: true, value: undefined },
  };
}

/** Turns a synchronous throw into a rejection. */
async function runSafely<T>(task: () => Promise<T>): Promise<T> {
  return await task();
}
