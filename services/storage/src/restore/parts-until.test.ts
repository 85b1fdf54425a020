// Goal: who reads parts ends when told, also while it waits, and leaves nothing behind.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import test from "node:test";
import { partsUntil } from "./parts-until.js";

async function* counting(count: number, onEnd: () => void): AsyncGenerator<number> {
  try {
    for (let i = 0; i < count; i++) yield i;
  } finally {
    onEnd();
  }
}

test("all parts come, in order, and the source is told of every end", async () => {
  const { signal } = new AbortController();
  let ends = 0;
  const got: number[] = [];
  const source = () => counting(5, () => ends++);
  for await (const part of partsUntil(signal, source())) got.push(part);
  assert.deepEqual(got, [0, 1, 2, 3, 4]);
  for await (const _ of partsUntil(signal, source())) break;
  assert.equal(ends, 2);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("an abort ends it while it waits, between parts, and before the first", async () => {
  const reason = new Error("another job has taken over");
  const abort = new AbortController();
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  const waiting = partsUntil(abort.signal, silent).next();
  const source = counting(5, () => undefined);
  const between = partsUntil(abort.signal, source);
  await between.next();
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(between.next(), reason);
  await assert.rejects(partsUntil(abort.signal, silent).next(), reason);
});

test("what the source throws comes through", async () => {
  const broken = new Error("the stream broke off");
  const parts = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(broken) }) };
  await assert.rejects(partsUntil(new AbortController().signal, parts).next(), broken);
});
