// Goal: a frame of a delta proves when all it says of its tiles is true, and the first tile of which
// something is not is named.
// Method: two tiles with one added key each; one statement after the other made wrong.
import assert from "node:assert/strict";
import test from "node:test";
import { backup } from "@holdfast/api";
import {
  encodeDeltaBody,
  encodeStateItem,
  placeOf,
  sha256,
  writtenChanges,
} from "@holdfast/merkle";
import { proveFrame } from "./prove-frame.js";
import { nodeToWire } from "./tree-nodes.js";

/** The chunk of a tile in which a key was added. */
function chunkOf(name: string): backup.DeltaChunk {
  const key = Buffer.from(name);
  const value = Buffer.from(`value of ${name}`);
  const [keyHash, valueHash] = [sha256(key), sha256(value)];
  const leaf = { kind: "leaf", keyHash, valueHash } as const;
  const item = encodeStateItem(key, value);
  const path = keyHash.toString("hex", 0, 1);
  const change = { kind: "put", keyHash, item, valueHash, oldValueHash: null } as const;
  const { body, fromNode, toNode } = encodeDeltaBody(path, writtenChanges([change]), {
    locate: () => placeOf(leaf),
  });
  return {
    ...backup.DeltaChunk.decode(body),
    path,
    fromNode: nodeToWire(fromNode),
    toNode: nodeToWire(toNode),
    changeCount: 1n,
    chunkId: sha256(body),
    items: 1n,
    bytes: BigInt(item.length),
  };
}

const [first, second] = [chunkOf("a"), chunkOf("b")].sort((a, b) => (a.path < b.path ? -1 : 1));
assert.ok(first !== undefined && second !== undefined);
const unchanged: backup.DeltaChunk = {
  ...{ path: "ff", fromNode: undefined, toNode: first.toNode, changeCount: 0n },
  ...{ chunkId: Buffer.alloc(0), items: 1n, bytes: 9n, changes: [], frontier: [] },
};

function frameOf(...chunks: backup.DeltaChunk[]): Buffer {
  const part = { $case: "chunks", value: { chunks } } as const;
  return Buffer.from(backup.StreamStateChangesResponse.encode({ part }).finish());
}

test("a frame that is true", () => {
  assert.equal(proveFrame("delta", frameOf(first, second, unchanged)).kind, "proved");
  assert.equal(proveFrame("delta", frameOf(unchanged)).kind, "proved");
});

const inner = nodeToWire({ kind: "inner", hash: sha256(Buffer.alloc(1)) });
const empty = nodeToWire({ kind: "empty" });
const withoutEnd: backup.DeltaChunk = { ...second, frontier: [] };
const wrongs: readonly { readonly of: backup.DeltaChunk; readonly why: RegExp }[] = [
  { of: { ...second, fromNode: inner }, why: /another node/ },
  { of: { ...second, toNode: empty }, why: /another node/ },
  { of: { ...second, toNode: { kind: undefined } }, why: /another node/ },
  { of: { ...second, changeCount: 2n }, why: /number of changes/ },
  { of: { ...second, chunkId: sha256(Buffer.alloc(2)) }, why: /digest/ },
  { of: { ...second, chunkId: Buffer.alloc(0) }, why: /digest/ },
  { of: { ...second, path: second.path.startsWith("e") ? "f0" : "ee" }, why: /lie under/ },
  { of: { ...withoutEnd, chunkId: sha256(bodyOf(withoutEnd)) }, why: /tag/ },
];

for (const [index, { of, why }] of wrongs.entries()) {
  test(`a tile that is not what its frame says: ${why.source} (${index})`, () => {
    const proof = proveFrame("delta", frameOf(first, of));
    assert.ok(proof.kind === "wrong");
    assert.equal(proof.path, of.path);
    assert.match(proof.why, why);
  });
}

test("no frame of tiles", () => {
  const part = { $case: "heartbeat", value: { reason: 0 } } as const;
  const frame = Buffer.from(backup.StreamStateChangesResponse.encode({ part }).finish());
  assert.throws(() => proveFrame("delta", frame), { reason: "INTERNAL" });
});

/** The fields `changes` and `frontier` of a chunk as on the wire. */
function bodyOf({ changes, frontier }: backup.DeltaChunk): Buffer {
  const rest = { ...unchanged, path: "", toNode: undefined, items: 0n, bytes: 0n };
  return Buffer.from(backup.DeltaChunk.encode({ ...rest, changes, frontier }).finish());
}
