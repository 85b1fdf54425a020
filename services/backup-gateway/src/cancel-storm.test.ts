// Goal: clients that open streams and cancel them in a loop hurt nobody else.
// Method: thousands of streams cancelled at their header, each in the middle of its work at
// storage, beside one innocent stream; its clients change connections, as many clients would.
import assert from "node:assert/strict";
import test from "node:test";
import { until } from "@holdfast/testing";
import type { FakeStream } from "./test-support/fake-storage.js";
import {
  type Clients,
  clientsOf,
  fixture,
  metric,
  partsOf,
  readSnapshot,
} from "./test-support/fixture.js";
import { chunks, HEADER, REQUEST, TRAILER } from "./test-support/frames.js";

const CANCELS = 3_000;
const AT_ONCE = 100;
/** Below the burst at which the gateway itself would close the connection of a storming client. */
const CANCELS_PER_CONNECTION = 500;

async function openAndCancel({ backup }: Clients): Promise<void> {
  const call = backup.streamStateSnapshot(REQUEST);
  const ended = new Promise<void>((resolve) => call.once("error", () => resolve()));
  call.once("data", () => call.cancel());
  await ended;
}

test(`${CANCELS} cancelled streams leave an innocent one alone`, async (context) => {
  await using setup = await fixture();
  const { storage, gateway } = setup;
  let over = false;
  storage.script.stream = async (stream: FakeStream) => {
    await stream.send(HEADER);
    if (stream !== storage.streams[0]) return stream.sendForever(chunks(20_000));
    while (!over) {
      await stream.send(chunks(20_000));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await stream.send(TRAILER);
    stream.end();
  };
  const innocent = readSnapshot(setup.clients);
  await until(() => storage.streams.length === 1, "the innocent stream runs");

  for (let done = 0; done < CANCELS; done += CANCELS_PER_CONNECTION) {
    using clients = clientsOf(gateway.listen);
    for (let i = 0; i < CANCELS_PER_CONNECTION; i += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => openAndCancel(clients)));
    }
  }
  over = true;
  const end = await innocent;
  assert.equal(end.error, null, String(end.error));
  assert.equal(partsOf(end).at(-1), "trailer");
  assert.equal(storage.streams.length, CANCELS + 1, "every one of them had reached storage");
  await until(
    () => storage.streams.slice(1).every(({ cancelledAtMs }) => cancelledAtMs !== null),
    "storage works for none of them any more",
  );
  const retired = await metric(gateway, "holdfast_gateway_upstream_channels_retired_total");
  // Two channels share the streams, and neither has reached its next 500.
  assert.ok(retired >= CANCELS / 500 - 2, `${retired} connections were retired`);
  await until(
    async () => (await metric(gateway, "holdfast_gateway_upstream_channels_open")) <= 4,
    "the retired connections are closed",
  );
  assert.equal(await metric(gateway, "holdfast_gateway_stream_slots_taken"), 0);
  context.diagnostic(`${CANCELS} cancels, ${retired} connections retired`);
});
