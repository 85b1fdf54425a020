// Goal: docs/hashing.md is right to the byte.
// Method: compute every JSON block of the page again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import {
  chunkId,
  consistencyProof,
  decodeTransactionInfo,
  encodeStateItem,
  encodeTransactionInfo,
  eventRoot,
  foldChunk,
  foldDeltaChunk,
  foldSiblings,
  ics23Existence,
  inclusionProof,
  innerHash,
  LogFrontier,
  leafHash,
  logLeafHash,
  nodeHash,
  sha256,
  stateRootProofLogRoot,
  type TransactionInfo,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
  verifyStateProof,
  type WriteOp,
  writeSetHash,
} from "./index.js";
import {
  ascending,
  type ModelItem,
  modelBody,
  modelItem,
  modelNode,
  modelProof,
} from "./test-support/model-tree.js";

type Vector = Readonly<Record<string, unknown>>;

const page = readFileSync(new URL("../../../docs/hashing.md", import.meta.url), "utf8");
const vectors: Vector[] = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, json]) =>
  JSON.parse(json ?? ""),
);

const checks: Readonly<Record<string, (vector: Vector) => void>> = {
  "state-item": (v) => {
    assert.deepEqual(encodeStateItem(text(v, "key"), text(v, "value")), hex(v, "encoded"));
    assert.deepEqual(sha256(text(v, "key")), hex(v, "key_hash"));
    assert.deepEqual(sha256(text(v, "value")), hex(v, "value_hash"));
  },
  leaf: (v) => assert.deepEqual(leafHash(hex(v, "key_hash"), hex(v, "value_hash")), hex(v, "hash")),
  inner: (v) => assert.deepEqual(innerHash(hex(v, "left"), hex(v, "right")), hex(v, "hash")),
  tree: (v) => {
    const items = itemsOf(v, "items");
    assert.deepEqual(items, ascending(items), "the page lists items in order of key hash");
    assert.deepEqual(nodeHash(foldChunk("", modelBody(items)).node), hex(v, "state_root"));
    assert.deepEqual(nodeHash(modelNode(items, "")), hex(v, "state_root"));
  },
  chunk: (v) => {
    const path = String(v["path"]);
    const body = hex(v, "body");
    assert.deepEqual(modelBody(itemsOf(v, "items")), body);
    assert.deepEqual(chunkId(body), hex(v, "chunk_id"));
    const { node } = foldChunk(path, body);
    assert.deepEqual(node, nodeOf(v["node"]));
    const root = foldSiblings(path, node, nodesOf(v, "siblings"));
    assert.deepEqual(nodeHash(root), hex(v, "state_root"));
  },
  "state-proof": (v) => {
    const value = v["value"] === null ? null : sha256(text(v, "value"));
    const proof = { siblings: nodesOf(v, "siblings"), met: nodeOf(v["met"]) };
    verifyStateProof(hex(v, "state_root"), sha256(text(v, "key")), value, proof);
  },
  delta: (v) => {
    const folded = foldDeltaChunk(String(v["path"]), hex(v, "body"));
    assert.deepEqual(chunkId(hex(v, "body")), hex(v, "chunk_id"));
    assert.equal(folded.changes.length, v["changes"]);
    assert.deepEqual(
      [folded.fromNode, folded.toNode],
      [nodeOf(v["from_node"]), nodeOf(v["to_node"])],
    );
    assert.deepEqual(folded.fromNode, modelNode(itemsOf(v, "from"), ""));
    assert.deepEqual(folded.toNode, modelNode(itemsOf(v, "to"), ""));
  },
  log: (v) => {
    const frontier = LogFrontier.empty();
    const roots = [frontier.root()];
    for (const leaf of hexes(v, "leaves")) {
      frontier.append(logLeafHash(leaf));
      roots.push(frontier.root());
    }
    assert.deepEqual(roots, hexes(v, "roots"));
  },
  inclusion: (v) => {
    const { leaves, roots, nodes } = theLog();
    const [index, size] = [Number(v["index"]), Number(v["size"])];
    const proof = hexes(v, "proof");
    assert.deepEqual(inclusionProof(BigInt(index), BigInt(size), nodes), proof);
    const leaf = logLeafHash(leaves[index] ?? Buffer.alloc(0));
    assert.deepEqual(verifyInclusion(leaf, BigInt(index), BigInt(size), proof), roots[size]);
  },
  consistency: (v) => {
    const { roots, nodes } = theLog();
    const [first, second] = [Number(v["first"]), Number(v["second"])];
    const proof = hexes(v, "proof");
    assert.deepEqual(consistencyProof(BigInt(first), BigInt(second), nodes), proof);
    const [a, b] = [roots[first], roots[second]];
    assert.ok(a !== undefined && b !== undefined);
    verifyConsistency(BigInt(first), BigInt(second), a, b, proof);
  },
  "transaction-info": (v) => {
    const info = infoOf(v["info"]);
    assert.deepEqual(encodeTransactionInfo(info), hex(v, "layout"));
    assert.deepEqual(decodeTransactionInfo(hex(v, "layout")), info);
    assert.deepEqual(logLeafHash(hex(v, "layout")), hex(v, "log_leaf_hash"));
  },
  "write-set": (v) => {
    assert.deepEqual(writeSetHash(opsOf(v["ops"])), hex(v, "hash"));
    assert.deepEqual(sha256(hex(v, "layout")), hex(v, "hash"));
  },
  events: (v) => {
    const events = (v["events"] as string[]).map((event) => Buffer.from(event));
    assert.deepEqual(eventRoot(events), hex(v, "event_root"));
  },
  "state-root-proof": (v) => {
    const root = stateRootProofLogRoot(infoOf(v["info"]), hexes(v, "log_siblings"));
    assert.deepEqual(root, hex(v, "log_root"));
  },
  "ics23-existence": (v) => {
    const tree = vectors.find(({ vector }) => vector === "tree") ?? {};
    const { siblings } = modelProof(itemsOf(tree, "items"), sha256(text(v, "key")));
    const proof = ics23Existence(text(v, "key"), text(v, "value"), siblings);
    assert.deepEqual(proof, hex(v, "proof"));
  },
};

test("every kind of vector is on the page", () => {
  const found = new Set(vectors.map(({ vector }) => vector));
  assert.deepEqual([...found].sort(), Object.keys(checks).sort());
});

for (const [i, vector] of vectors.entries()) {
  test(`docs/hashing.md, vector ${i + 1}: ${vector["vector"]}`, () => {
    const check = checks[String(vector["vector"])];
    assert.ok(check !== undefined, "a vector that this test knows");
    check(vector);
  });
}

function text(vector: Vector, field: string): Buffer {
  assert.equal(typeof vector[field], "string", field);
  return Buffer.from(String(vector[field]));
}

function hex(vector: Vector, field: string): Buffer {
  assert.match(String(vector[field]), /^([0-9a-f]{2})+$/, field);
  return Buffer.from(String(vector[field]), "hex");
}

function hexes(vector: Vector, field: string): Buffer[] {
  return (vector[field] as string[]).map((each) => Buffer.from(each, "hex"));
}

function itemsOf(vector: Vector, field: string): ModelItem[] {
  return (vector[field] as { key: string; value: string }[]).map(({ key, value }) =>
    modelItem(Buffer.from(key), Buffer.from(value)),
  );
}

function nodeOf(json: unknown): TreeNode {
  const { leaf, inner } = json as { leaf?: [string, string]; inner?: string };
  if (inner !== undefined) return { kind: "inner", hash: Buffer.from(inner, "hex") };
  if (leaf === undefined) return { kind: "empty" };
  const [keyHash, valueHash] = leaf;
  return {
    kind: "leaf",
    keyHash: Buffer.from(keyHash, "hex"),
    valueHash: Buffer.from(valueHash, "hex"),
  };
}

function nodesOf(vector: Vector, field: string): TreeNode[] {
  return (vector[field] as unknown[]).map(nodeOf);
}

function infoOf(json: unknown): TransactionInfo {
  const info = json as Vector;
  return {
    version: BigInt(Number(info["version"])),
    commitTimeUs: BigInt(Number(info["commit_time_us"])),
    payloadHash: hex(info, "payload_hash"),
    writeSetHash: hex(info, "write_set_hash"),
    eventRoot: hex(info, "event_root"),
    stateRoot: info["state_root"] === null ? null : hex(info, "state_root"),
  };
}

function opsOf(json: unknown): WriteOp[] {
  return (json as { put?: [string, string]; delete?: string }[]).map((op) => {
    if (op.put === undefined) return { kind: "delete", key: Buffer.from(op.delete ?? "") };
    const [key, value] = op.put;
    return { kind: "put", key: Buffer.from(key), value: Buffer.from(value) };
  });
}

/** The log of the page's `log` vector. */
function theLog() {
  const vector = vectors.find((each) => each["vector"] === "log") ?? {};
  const leaves = hexes(vector, "leaves");
  const rootOf = (part: readonly Buffer[]): Buffer => {
    const frontier = LogFrontier.empty();
    for (const leaf of part) frontier.append(logLeafHash(leaf));
    return frontier.root();
  };
  const node = (level: number, index: bigint): Buffer =>
    rootOf(leaves.slice(Number(index) * 2 ** level, (Number(index) + 1) * 2 ** level));
  return { leaves, roots: hexes(vector, "roots"), nodes: { node } };
}
