// Goal: messages are found however a transport cuts their bytes, and none of those is copied.
// Method: random messages and cuts against the messages themselves.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { FramedMessage } from "./framed-message.js";
import { MessageSplitter } from "./message-splitter.js";
import { framed, messagePrefix } from "./test-support/loopback.js";

const BYTES_MAX = 1_000;
const message = fc.uint8Array({ maxLength: 40 });

/** `bytes` cut at these places, empty pieces among them. */
function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
  places.sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

test("the messages that come out are those that went in, in their own memory", () => {
  const cuts = fc.array(fc.nat(), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), cuts, (messages, places) => {
      const wire = Buffer.concat(messages.map((bytes) => framed(Buffer.from(bytes))));
      const splitter = new MessageSplitter(BYTES_MAX);
      const got: FramedMessage[] = [];
      for (const piece of cutAt(wire, places)) splitter.push(piece, got);
      assert.deepEqual(
        got.map((each) => [...each.join()]),
        messages.map((bytes) => [...bytes]),
      );
      for (const [index, each] of got.entries()) {
        assert.equal(each.bytes, messages[index]?.length);
        assert.equal(each.firstByte, messages[index]?.[0]);
        assert.ok(each.pieces.every(({ buffer }) => buffer === wire.buffer));
      }
      assert.equal(splitter.isInMessage, false);
    }),
  );
});

test("it knows when a message has begun, from the first byte of its prefix on", () => {
  const wire = framed(Buffer.from("ab"));
  const splitter = new MessageSplitter(BYTES_MAX);
  const got: FramedMessage[] = [];
  for (let at = 0; at < wire.length; at++) {
    assert.equal(splitter.isInMessage, at > 0);
    splitter.push(wire.subarray(at, at + 1), got);
    assert.equal(got.length, at === wire.length - 1 ? 1 : 0);
  }
  assert.equal(splitter.isInMessage, false);
});

test("a message is refused at its prefix when it is too large or compressed", () => {
  const got: FramedMessage[] = [];
  new MessageSplitter(BYTES_MAX).push(messagePrefix(BYTES_MAX), got);
  assert.equal(got.length, 0);
  const refused = (prefix: Buffer): void =>
    new MessageSplitter(BYTES_MAX).push(Buffer.concat([framed(Buffer.from("a")), prefix]), got);
  assert.throws(() => refused(messagePrefix(BYTES_MAX + 1)), { reason: "MESSAGE_TOO_LARGE" });
  assert.throws(() => refused(messagePrefix(1, true)), { reason: "INTERNAL" });
  assert.equal(got.length, 2, "what came before it is there");
});

test("a framed message is its prefix and the message", () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from("a"), Buffer.alloc(70_000, 3)]) {
    const made = FramedMessage.of(bytes);
    assert.deepEqual(Buffer.concat(made.pieces), framed(bytes));
    assert.deepEqual(made.join(), bytes);
    assert.equal(made.bytes, bytes.length);
    assert.equal(made.firstByte, bytes[0]);
  }
});
