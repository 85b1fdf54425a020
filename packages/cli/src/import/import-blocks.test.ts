// Goal: lines become the same blocks with the same ids in every run, and a bad line is named.
import assert from "node:assert/strict";
import test from "node:test";
import type { storage } from "@holdfast/api";
import { type BlockShape, type ImportBlock, importBlocks } from "./import-blocks.js";
import { emptyReport, importLedger } from "./import-ledger.js";

const shape: BlockShape = { linesPerBlock: 10, linesPerTransaction: 1 };

function lines(count: number, change: (line: string, index: number) => string = (line) => line) {
  return Array.from({ length: count }, (_, index) =>
    change(JSON.stringify({ key: `k${index}`, value: "v" }), index),
  );
}

async function blocks(text: string | Buffer, how = shape, step = 7): Promise<ImportBlock[]> {
  const bytes = Buffer.from(text);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
  const found: ImportBlock[] = [];
  for await (const block of importBlocks(chunks, how)) found.push(block);
  return found;
}

const ids = (found: readonly ImportBlock[]) => found.map(({ requestId }) => requestId);
const ranges = (found: readonly ImportBlock[]) =>
  found.map(({ firstLine, lastLine }) => [firstLine, lastLine]);

test("blocks of so many lines, however the input arrives", async () => {
  const text = `${lines(25).join("\n")}\n`;
  const found = await blocks(text);
  assert.deepEqual(ranges(found), [
    [1, 10],
    [11, 20],
    [21, 25],
  ]);
  assert.deepEqual(ids(await blocks(text, shape, 1_000)), ids(found));
  assert.deepEqual(ids(await blocks(text.slice(0, -1))), ids(found), "without the last line feed");
  assert.match(found[1]?.requestId ?? "", /^import\/10\/[0-9a-f]{40}$/);
  assert.ok(found.every(({ requestId }) => requestId.length <= 64));
});

test("another input has the same ids only as far as it is the same", async () => {
  const other = lines(25, (line, index) => (index === 12 ? line.replace('"v"', '"w"') : line));
  const [first, ...rest] = ids(await blocks(lines(25).join("\n")));
  const [sameFirst, ...otherRest] = ids(await blocks(other.join("\n")));
  assert.equal(sameFirst, first);
  assert.equal(otherRest.length, 2);
  for (const [index, id] of otherRest.entries()) assert.notEqual(id, rest[index]);
});

test("transactions of several lines are not cut", async () => {
  const found = await blocks(lines(25).join("\n"), { linesPerBlock: 10, linesPerTransaction: 4 });
  assert.deepEqual(ranges(found), [
    [1, 8],
    [9, 16],
    [17, 24],
    [25, 25],
  ]);
  assert.deepEqual(
    found[0]?.transactions.map(({ writeSet }) => writeSet.length),
    [4, 4],
  );
});

test("a block is cut at 2 MiB", async () => {
  const text = lines(5, (_, index) =>
    JSON.stringify({ key: `k${index}`, value: "x".repeat(900_000) }),
  );
  assert.deepEqual(ranges(await blocks(text.join("\n"), shape, 100_000)), [
    [1, 2],
    [3, 4],
    [5, 5],
  ]);
});

test("keys and values as text, as hex, and deletes", async () => {
  const [block] = await blocks(
    [
      '{"key":"ä","value":""}',
      '{"key_hex":"00ff","value_hex":"AB"}',
      '{"key":"k","value":null}',
    ].join("\n"),
  );
  assert.deepEqual(
    block?.transactions.map(({ writeSet }) => writeSet[0]?.op),
    [
      { $case: "put", value: { key: Buffer.from("ä"), value: Buffer.alloc(0) } },
      { $case: "put", value: { key: Buffer.from("00ff", "hex"), value: Buffer.from([0xab]) } },
      { $case: "delete", value: Buffer.from("k") },
    ],
  );
});

test("bad lines are named, with what is wrong", async (context) => {
  const cases: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ["no JSON", "{", /not JSON/],
    ["empty", "", /empty/],
    ["an array", "[]", /not a JSON object/],
    ["null", "null", /not a JSON object/],
    ["a number as value", '{"key":"k","value":5}', /neither text nor null/],
    ["no key", '{"value":"v"}', /"key" or "key_hex"/],
    ["two keys", '{"key":"k","key_hex":"00","value":"v"}', /"key" or "key_hex"/],
    ["no value", '{"key":"k"}', /"value" or "value_hex"/],
    ["null key", '{"key":null,"value":"v"}', /key is null/],
    ["empty key", '{"key":"","value":"v"}', /0 bytes/],
    ["long key", `{"key":"${"k".repeat(1_025)}","value":"v"}`, /1025 bytes/],
    ["long value", `{"key":"k","value":"${"v".repeat(2 ** 20 + 1)}"}`, /1048577 bytes/],
    ["odd hex", '{"key_hex":"abc","value":"v"}', /pairs of hex/],
    ["no hex", '{"key_hex":"zz","value":"v"}', /pairs of hex/],
    ["another field", '{"key":"k","value":"v","valu":1}', /"valu"/],
    ["a lone surrogate", '{"key":"\\ud800","value":"v"}', /Unicode/],
    ["no UTF-8", Buffer.from('{"key":"k","value":"\xff"}', "latin1"), /UTF-8/],
    ["too long", "x".repeat(7 * 2 ** 20 + 1), /longer than/],
  ];
  for (const [what, line, message] of cases) {
    await context.test(what, async () => {
      const input = Buffer.concat([
        Buffer.from(`${lines(12).join("\n")}\n`),
        Buffer.from(line),
        Buffer.from(`\n${lines(3).join("\n")}`),
      ]);
      const found: ImportBlock[] = [];
      const run = async () => {
        for await (const block of importBlocks([input], shape)) found.push(block);
      };
      await assert.rejects(run(), (error: Error & { reason?: string }) => {
        assert.equal(error.reason, "INVALID_REQUEST");
        assert.match(error.message, /^Line 13 /);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(ranges(found), [[1, 10]], "only the block before it");
    });
  }
});

test("a key twice in one transaction names both lines", async () => {
  const text = [
    '{"key":"a","value":"1"}',
    '{"key":"b","value":"1"}',
    '{"key_hex":"61","value":"2"}',
  ];
  const how = { linesPerBlock: 10, linesPerTransaction: 3 };
  await assert.rejects(blocks(text.join("\n"), how), /Line 3 .*line 1 /);
  assert.equal((await blocks(text.join("\n"))).length, 1, "in several it is no mistake");
});

function answer(
  first: bigint,
  last: bigint,
  repeatedRequest: boolean,
): storage.CommitBlockResponse {
  const none = Buffer.alloc(0);
  return {
    firstVersion: first,
    committedVersion: last,
    stateRoot: none,
    logRoot: none,
    commitTime: undefined,
    ledgerId: none,
    historyId: none,
    repeatedRequest,
  };
}

test("a rerun reports what was there already, and at which versions", async () => {
  const report = emptyReport();
  let next = 100n;
  await importLedger(
    [Buffer.from(lines(35).join("\n"))],
    shape,
    async ({ firstLine, transactions }) => {
      const first = next;
      next += BigInt(transactions.length);
      return answer(first, next - 1n, firstLine < 20);
    },
    report,
  );
  assert.equal(report.lines, 35);
  assert.equal(report.blocksThere, 2);
  assert.equal(report.blocksCommitted, 2);
  assert.equal(report.transactionsCommitted, 15);
  assert.deepEqual(report.there, [
    { firstLine: 1, lastLine: 20, firstVersion: 100n, lastVersion: 119n },
  ]);
});

test("what was committed before a bad line is reported", async () => {
  const report = emptyReport();
  const text = lines(25, (line, index) => (index === 17 ? "{}" : line)).join("\n");
  const commit = async () => answer(0n, 9n, false);
  await assert.rejects(importLedger([Buffer.from(text)], shape, commit, report), /Line 18/);
  assert.equal(report.lines, 10);
});

test("a failed commit does not wait for an input that nobody ends", async () => {
  const input = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(`${lines(10).join("\n")}\n`);
    await new Promise(() => undefined);
  };
  const commit = () => Promise.reject(new Error("no"));
  await assert.rejects(importLedger(input(), shape, commit, emptyReport()), /no/);
});

test("a block is cut before it has more writes than a store takes", async () => {
  const text = Array.from({ length: 110_000 }, (_, index) => `{"key":"${index}","value":""}`);
  const shapeOf = { linesPerBlock: 1_000_000, linesPerTransaction: 30_000 };
  const found = await blocks(text.join("\n"), shapeOf, 65_536);
  const writes = found.map(({ transactions }) =>
    transactions.reduce((sum, { writeSet }) => sum + writeSet.length, 0),
  );
  assert.deepEqual(writes, [90_000, 20_000]);
});
