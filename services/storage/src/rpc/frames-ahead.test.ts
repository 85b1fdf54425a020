// Goal: the memory that streams fill ahead is bounded, and a slow reader has little of it.
import assert from "node:assert/strict";
import test from "node:test";
import { AheadOfReaders, type FramesAhead } from "./frames-ahead.js";

function mostOf(ahead: FramesAhead): number {
  for (let job = 0; job < 20; job++) ahead.adjust(true);
  return ahead.frames;
}

test("the first four streams run eight frames ahead, all others four", () => {
  const readers = new AheadOfReaders();
  const streams = Array.from({ length: 10 }, () => readers.forStream(true));
  assert.deepEqual(streams.map(mostOf), [8, 8, 8, 8, 4, 4, 4, 4, 4, 4]);
  streams[7]?.[Symbol.dispose]();
  using seventh = readers.forStream(true);
  assert.equal(mostOf(seventh), 4);
  streams[1]?.[Symbol.dispose]();
  using first = readers.forStream(true);
  using second = readers.forStream(true);
  assert.deepEqual([first, second].map(mostOf), [8, 4]);
  streams[2]?.[Symbol.dispose]();
  using delta = readers.forStream(false);
  using third = readers.forStream(true);
  assert.deepEqual([delta, third].map(mostOf), [4, 8]);
});

test("who waits gets more, who makes frames wait one less", () => {
  using ahead = new AheadOfReaders().forStream(true);
  const framesOf = (jobs: number, isWaiting: boolean): number[] =>
    Array.from({ length: jobs }, () => {
      const { frames } = ahead;
      ahead.adjust(isWaiting);
      return frames;
    });
  assert.deepEqual(framesOf(7, true), [1, 1, 1, 1, 1, 1, 1], "buffers on the way take some");
  assert.deepEqual(framesOf(7, true), [1, 2, 2, 2, 2, 4, 4]);
  assert.deepEqual(framesOf(2, true), [8, 8]);
  assert.deepEqual(framesOf(3, false), [8, 7, 6]);
  assert.deepEqual(framesOf(3, true), [5, 5, 8], "it waits again");
  assert.deepEqual(framesOf(9, false), [8, 7, 6, 5, 4, 3, 2, 1, 1]);
});
