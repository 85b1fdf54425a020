// Goal: a connection is replaced in time, and closed when nobody needs it any more.
// Method: fake connections that count.
import assert from "node:assert/strict";
import test from "node:test";
import { deadlineExceeded, limits } from "@holdfast/core";
import { type Connection, RetiringChannel } from "./retiring-channel.js";

class FakeConnection implements Connection {
  closed = false;
  readonly pending: (() => void)[] = [];
  answer(): Promise<void> {
    return new Promise<void>((resolve) => this.pending.push(resolve));
  }
  async *numbers(): AsyncGenerator<string, void, undefined> {
    yield "1";
    yield "2";
  }
  close(): void {
    this.closed = true;
  }
}

function channel(): { made: FakeConnection[]; channel: RetiringChannel<FakeConnection> } {
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

const never = new AbortController().signal;
const answer = (target: RetiringChannel<FakeConnection>): Promise<void> =>
  target.call(never, (connection) => connection.answer());
const numbers = (
  target: RetiringChannel<FakeConnection>,
): AsyncGenerator<string, void, undefined> =>
  target.stream(never, (connection) => connection.numbers());

async function cancelled(target: RetiringChannel<FakeConnection>, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    for await (const _ of numbers(target)) break;
  }
}

test("streams read to their end wear nothing out", async () => {
  const { made, channel: target } = channel();
  for (let i = 0; i < 2 * limits.CHANNEL_CANCELS_MAX; i += 1) {
    let frames = 0;
    for await (const _ of numbers(target)) frames += 1;
    assert.equal(frames, 2);
  }
  assert.equal(made.length, 1);
});

test("the connection is replaced after 500 cancelled calls, closed after its last call", async () => {
  const { made, channel: target } = channel();
  const innocent = answer(target);
  await cancelled(target, limits.CHANNEL_CANCELS_MAX - 1);
  assert.equal(made.length, 1);
  await cancelled(target, 1);
  assert.equal(made.length, 2);
  assert.deepEqual([target.open, target.retired], [2, 1]);
  assert.equal(made[0]?.closed, false, "a call is still under way");
  const late = answer(target);
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
  const failing = { close: () => undefined };
  const fail = (): Promise<void> => Promise.reject(new Error("no"));
  let connections = 0;
  const failures = new RetiringChannel(() => {
    connections += 1;
    return failing;
  });
  for (let i = 0; i < limits.CHANNEL_CANCELS_MAX; i += 1) {
    await assert.rejects(failures.call(never, fail), /no/);
  }
  assert.equal(connections, 1);
  controller.abort();
  for (let i = 0; i < limits.CHANNEL_CANCELS_MAX; i += 1) {
    await assert.rejects(failures.call(controller.signal, fail), /no/);
  }
  assert.equal(connections, 2);
  for (let i = 0; i < limits.CHANNEL_CANCELS_MAX; i += 1) {
    const late = (): Promise<void> => Promise.reject(deadlineExceeded());
    await assert.rejects(failures.call(never, late), { reason: "DEADLINE_EXCEEDED" });
  }
  assert.equal(connections, 3, "a call whose time is over is reset, whoever notices first");
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
