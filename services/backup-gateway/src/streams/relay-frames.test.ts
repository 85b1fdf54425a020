// Goal: the relay takes one frame at a time and lets go of storage however it ends.
// Method: both ends in memory; what has to do with sockets is tested with the whole gateway.
import assert from "node:assert/strict";
import test from "node:test";
import { backup } from "@holdfast/api";
import { FramedMessage } from "@holdfast/rpc";
import { ManualClock } from "@holdfast/testing";
import { chunks, HEADER, TRAILER } from "../test-support/frames.js";
import { framePart } from "./frame-part.js";
import { type FrameSink, relayFrames } from "./relay-frames.js";

const framed = (frame: Uint8Array): FramedMessage => FramedMessage.of(frame);

class Sink implements FrameSink<FramedMessage> {
  readonly got: FramedMessage[] = [];
  trailer: FramedMessage | null = null;
  failAt = Number.POSITIVE_INFINITY;
  async send(frame: FramedMessage): Promise<void> {
    if (this.got.length >= this.failAt) throw new Error("the reader left");
    this.got.push(frame);
  }
  async finish(trailer: FramedMessage): Promise<void> {
    this.trailer = trailer;
  }
  heartbeatWhile<T>(work: Promise<T>): Promise<T> {
    return work;
  }
}

function source(frames: readonly FramedMessage[]): {
  stream: AsyncGenerator<FramedMessage, void, undefined>;
  state: { asked: number; left: boolean };
} {
  const state = { asked: 0, left: false };
  async function* stream(): AsyncGenerator<FramedMessage, void, undefined> {
    try {
      for (const frame of frames) {
        state.asked += 1;
        yield frame;
      }
    } finally {
      state.left = true;
    }
  }
  return { stream: stream(), state };
}

const options = (clock = new ManualClock()) => ({
  clock,
  heartbeat: framed(Buffer.alloc(0)),
  onSilence: () => assert.fail("nobody is silent"),
});

test("frames go on as the same objects, the trailer last, no timer stays", async () => {
  const frames = [HEADER, chunks(1), chunks(2), TRAILER].map(framed);
  const { stream, state } = source(frames);
  const sink = new Sink();
  const clock = new ManualClock();
  await relayFrames(stream, sink, options(clock));
  assert.deepEqual(sink.got, frames.slice(0, -1));
  assert.ok(sink.got.every((frame, index) => frame === frames[index]));
  assert.equal(sink.trailer, frames.at(-1));
  assert.deepEqual(state, { asked: 4, left: true });
  assert.equal(clock.pending, 0);
});

test("a reader that leaves ends the source, which was asked for no more than it took", async () => {
  const { stream, state } = source([HEADER, chunks(1), chunks(2), chunks(3), TRAILER].map(framed));
  const sink = new Sink();
  sink.failAt = 2;
  await assert.rejects(relayFrames(stream, sink, options()), /the reader left/);
  assert.deepEqual(state, { asked: 3, left: true });
});

test("the first byte tells the part, for every stream of the contract", () => {
  const messages = [
    backup.StreamStateSnapshotResponse,
    backup.StreamStateTilesResponse,
    backup.StreamStateChangesResponse,
  ] as unknown as { fromPartial(part: object): object; encode(m: object): { finish(): Buffer } }[];
  for (const message of messages) {
    for (const part of ["header", "chunks", "heartbeat", "trailer"] as const) {
      const frame = message.encode({
        part: { $case: part, value: emptyPart(part) },
      });
      assert.equal(framePart(framed(frame.finish())), part);
    }
  }
  assert.equal(framePart(framed(Buffer.alloc(0))), "other");
  assert.equal(framePart(framed(Buffer.from([0x2a, 0]))), "other");
});

function emptyPart(part: "header" | "chunks" | "heartbeat" | "trailer"): object {
  if (part === "header") return backup.StreamHeader.create({});
  if (part === "chunks") return { chunks: [] };
  if (part === "heartbeat") return backup.Heartbeat.create({});
  return backup.StreamTrailer.create({});
}
