// Goal: a backup builds only on a store whose log goes on from what the archive holds.
import assert from "node:assert/strict";
import test from "node:test";
import type { backup } from "@holdfast/api";
import {
  consistencyProof,
  encodeTransactionInfo,
  inclusionProof,
  type LogNodes,
  logInnerHash,
  logLeafHash,
  logRoot,
  sha256,
  type TransactionInfo,
} from "@holdfast/merkle";
import { checkRootProof, infoFromWire, infoToWire, type LogAnchor } from "./root-proof.js";

const hash = (text: string): Buffer => sha256(Buffer.from(text));

class Log implements LogNodes {
  readonly infos: readonly TransactionInfo[];

  constructor(size: number, name: string) {
    this.infos = Array.from({ length: size }, (_, version) => ({
      version: BigInt(version),
      commitTimeUs: 1_700_000_000_123_456n,
      payloadHash: hash("payload"),
      writeSetHash: hash("write set"),
      eventRoot: hash("events"),
      stateRoot: hash(`${name} ${version}`),
    }));
  }

  node(level: number, index: bigint): Buffer {
    if (level > 0) {
      return logInnerHash(this.node(level - 1, 2n * index), this.node(level - 1, 2n * index + 1n));
    }
    const info = this.infos[Number(index)];
    assert.ok(info !== undefined);
    return logLeafHash(encodeTransactionInfo(info));
  }

  anchor(version: bigint): LogAnchor {
    return { version, logRoot: logRoot(version + 1n, this) };
  }

  answer(version: bigint, from: bigint): backup.GetStateRootProofResponse {
    const info = this.infos[Number(version)];
    assert.ok(info !== undefined);
    const size = version + 1n;
    return {
      rootProof: {
        info: infoToWire(info),
        logSiblings: inclusionProof(version, size, this),
      },
      logRoot: logRoot(size, this),
      consistencyHashes: consistencyProof(from + 1n, size, this),
    };
  }
}

const log = new Log(20, "line");

test("a log that goes on from any earlier version", () => {
  for (let from = 0n; from < 20n; from++) {
    for (let to = from; to < 20n; to++) {
      const root = checkRootProof(log.answer(to, from), to, log.anchor(from));
      assert.deepEqual(root.stateRoot, hash(`line ${to}`));
      assert.deepEqual(root.logRoot, log.anchor(to).logRoot);
    }
  }
});

test("a log of another line does not go on", () => {
  const other = new Log(20, "other line");
  for (const [from, to] of [
    [3n, 9n],
    [7n, 8n],
    [9n, 9n],
  ] as const) {
    assert.throws(() => checkRootProof(log.answer(to, from), to, other.anchor(from)), {
      reason: "PROOF_INVALID",
      message: /does not go on/,
    });
  }
});

test("answers that prove nothing", () => {
  const good = log.answer(9n, 3n);
  const info = good.rootProof?.info;
  assert.ok(good.rootProof !== undefined && info !== undefined);
  const bad: readonly (readonly [string, backup.GetStateRootProofResponse])[] = [
    ["no proof", { ...good, rootProof: undefined }],
    ["another version", log.answer(8n, 3n)],
    ["another log root", { ...good, logRoot: hash("other") }],
    [
      "no checkpoint",
      { ...good, rootProof: { ...good.rootProof, info: { ...info, stateRoot: undefined } } },
    ],
    [
      "a sibling less",
      { ...good, rootProof: { info, logSiblings: good.rootProof.logSiblings.slice(1) } },
    ],
  ];
  for (const [what, answer] of bad) {
    assert.throws(() => checkRootProof(answer, 9n, null), { reason: "PROOF_INVALID" }, what);
  }
});

test("an info keeps its microseconds over the wire", () => {
  const info = log.infos[5];
  assert.ok(info !== undefined);
  assert.deepEqual(infoFromWire(infoToWire(info)), info);
});
