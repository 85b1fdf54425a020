// Goal: a connection is replaced in time, and closed when nobody needs it any more.
// Method: fake connections that count.
import assert from "node:assert/strict";
import test from "node:test";
import { limits } from "@holdfast/core";
import { type Connection, RetiringChannel } from "./retiring-channel.js";

class FakeConnection implements Connection {
  closed = false;
  readonly pending: (() => void)[] = [];
  async unary(): Promise<Buffer> {
    await new Promise<void>((resolve) => this.pending.push(resolve));
    return Buffer.alloc(0);
  }
  clientStreaming(): Promise<Buffer> {
    return this.unary();
  }
  async *serverStreaming(): AsyncGenerator<Buffer, void, undefined> {
    yield Buffer.from("1");
    yield Buffer.from("2");
  }
  close(): void {
    this.closed = true;
  }
}

function channel(): { made: FakeConnection[]; channel: RetiringChannel } {
  const made: FakeConnection[] = [];
  return {
    made,
    channel: new RetiringChannel(() => {
      const connection = new FakeConnection();
      made.push(connection);
      return connection;
    }),
  };
}

const call = () => ({ signal: new AbortController().signal, timeoutMs: 1_000 });

async function cancelled(target: RetiringChannel, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    for await (const _ of target.serverStreaming("/p", Buffer.alloc(0), call())) break;
  }
}

test("streams read to their end wear nothing out", async () => {
  const { made, channel: target } = channel();
  for (let i = 0; i < 2 * limits.CHANNEL_CANCELS_MAX; i += 1) {
    let frames = 0;
    for await (const _ of target.serverStreaming("/p", Buffer.alloc(0), call())) frames += 1;
    assert.equal(frames, 2);
  }
  assert.equal(made.length, 1);
});

test("the connection is replaced after 500 cancelled calls, closed after its last call", async () => {
  const { made, channel: target } = channel();
  const innocent = target.unary("/p", Buffer.alloc(0), call());
  await cancelled(target, limits.CHANNEL_CANCELS_MAX - 1);
  assert.equal(made.length, 1);
  await cancelled(target, 1);
  assert.equal(made.length, 2);
  assert.deepEqual([target.open, target.retired], [2, 1]);
  assert.equal(made[0]?.closed, false, "a call is still under way");
  const late = target.unary("/p", Buffer.alloc(0), call());
  assert.equal(made[1]?.pending.length, 1, "new calls go to the new connection");
  made[0]?.pending[0]?.();
  await innocent;
  assert.equal(made[0]?.closed, true);
  assert.equal(target.open, 1);
  await cancelled(target, 2 * limits.CHANNEL_CANCELS_MAX);
  assert.equal(made.length, 4);
  assert.deepEqual(
    made.map(({ closed }) => closed),
    [true, false, true, false],
    "the one with the late call stays",
  );
  made[1]?.pending[0]?.();
  await late;
  assert.equal(target.open, 1);
});

test("errors of storage are no cancels, an aborted call is one", async () => {
  const { made, channel: target } = channel();
  const controller = new AbortController();
  const failing: Connection = {
    unary: () => Promise.reject(new Error("no")),
    clientStreaming: () => Promise.reject(new Error("no")),
    serverStreaming: async function* () {
      yield Buffer.alloc(0);
      throw new Error("no");
    },
    close: () => undefined,
  };
  let connections = 0;
  const failures = new RetiringChannel(() => {
    connections += 1;
    return failing;
  });
  for (let i = 0; i < limits.CHANNEL_CANCELS_MAX; i += 1) {
    await assert.rejects(failures.unary("/p", Buffer.alloc(0), call()), /no/);
  }
  assert.equal(connections, 1);
  controller.abort();
  for (let i = 0; i < limits.CHANNEL_CANCELS_MAX; i += 1) {
    const aborted = { signal: controller.signal, timeoutMs: 1 };
    await assert.rejects(failures.unary("/p", Buffer.alloc(0), aborted), /no/);
  }
  assert.equal(connections, 2);
  target.close();
  assert.equal(made[0]?.closed, true);
});

test("renewed, the idle connection is closed; closed, nothing is made any more", () => {
  const { made, channel: target } = channel();
  target.renew();
  assert.deepEqual(
    made.map(({ closed }) => closed),
    [true, false],
  );
  target.close();
  target.renew();
  assert.equal(made.length, 2);
  assert.equal(target.open, 0);
});
