// Goal: a request ends in the generation in which it began; a replaced one is retired exactly once,
// when its last use ends.
import { strict as assert } from "node:assert";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { openGenerationEnv } from "./generation-env.js";
import { LiveGeneration } from "./live-generation.js";
import { META } from "./schema.js";

test("uses, a swap, and the end of the last use", async () => {
  await using one = await temporaryDirectory();
  await using two = await temporaryDirectory();
  const retired: number[] = [];
  const first = openGenerationEnv(one.path);
  first.meta.putSync(META.ledgerId, Buffer.alloc(16, 1));
  const live = new LiveGeneration(1, first, {
    retire: async (number, env) => {
      retired.push(number);
      await env.close();
    },
    onFailure: (error) => assert.fail(String(error)),
  });
  const a = live.use();
  const b = live.use();
  const second = openGenerationEnv(two.path);
  second.meta.putSync(META.ledgerId, Buffer.alloc(16, 2));
  live.swap(2, second);
  assert.deepEqual(retired, []);
  const c = live.use();
  assert.equal(c.number, 2);
  assert.equal(c.path, two.path);
  assert.deepEqual(a.reader.meta().ledgerId, Buffer.alloc(16, 1), "it still reads the first");
  assert.deepEqual(c.reader.meta().ledgerId, Buffer.alloc(16, 2));
  a.release();
  a.release();
  assert.deepEqual(retired, [], "one use is left");
  b.release();
  assert.deepEqual(retired, [1]);
  c.release();
  assert.deepEqual(retired, [1], "the live one stays");
  await live.close();
});
