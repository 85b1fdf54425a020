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

test("who waits gets more at once, who makes frames wait one less", () => {
  using ahead = new AheadOfReaders().forStream(true);
  const frames: number[] = [];
  for (const isWaiting of [true, true, true, false, false, true, true, true]) {
    frames.push(ahead.frames);
    ahead.adjust(isWaiting);
  }
  assert.deepEqual(frames, [1, 2, 4, 8, 7, 6, 8, 8]);
  for (let job = 0; job < 30; job++) ahead.adjust(false);
  assert.equal(ahead.frames, 1);
});
