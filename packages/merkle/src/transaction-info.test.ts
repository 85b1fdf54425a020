// Goal: an info has one layout, and the proof of a state root leads to the log root and on.
// Method: round trips, every bit flipped, and a log built leaf by leaf beside the proofs.
import assert from "node:assert/strict";
import test from "node:test";
import {
  decodeTransactionInfo,
  encodeTransactionInfo,
  frontierOfStateRootProof,
  inclusionProof,
  LogFrontier,
  logLeafHash,
  stateRootProofLogRoot,
  type TransactionInfo,
} from "./index.js";
import { modelHash } from "./test-support/model-tree.js";

const PROOF_INVALID = { reason: "PROOF_INVALID" };

function infoAt(version: bigint, checkpoint = true): TransactionInfo {
  return {
    version,
    commitTimeUs: 1_700_000_000_000_000n + version,
    payloadHash: modelHash(`payload ${version}`),
    writeSetHash: modelHash(`write set ${version}`),
    eventRoot: modelHash(`events ${version}`),
    stateRoot: checkpoint ? modelHash(`state ${version}`) : null,
  };
}

test("an info encodes and decodes", () => {
  for (const info of [infoAt(0n), infoAt(7n, false), infoAt(2n ** 53n - 1n)]) {
    const bytes = encodeTransactionInfo(info);
    assert.equal(bytes.length, info.stateRoot === null ? 114 : 146);
    assert.deepEqual(decodeTransactionInfo(bytes), info);
  }
});

test("every flipped bit and every other length is refused or seen", () => {
  for (const info of [infoAt(3n), infoAt(3n, false)]) {
    const bytes = encodeTransactionInfo(info);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        assert.notDeepEqual(decodeTransactionInfo(damaged), info, `bit ${bit}`);
      } catch (error) {
        assert.equal((error as { reason?: string }).reason, "PROOF_INVALID", `bit ${bit}`);
      }
    }
    for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]) {
      assert.throws(() => decodeTransactionInfo(wrong), PROOF_INVALID);
    }
    assert.throws(() => decodeTransactionInfo(Buffer.alloc(0)), PROOF_INVALID);
  }
});

test("the proof of a state root leads to the log root, and its bytes to the log that goes on", () => {
  const logSize = 70n;
  const frontier = LogFrontier.empty();
  const nodes = new Map<string, Buffer>();
  const reader = {
    node: (level: number, index: bigint): Buffer =>
      nodes.get(`${level}/${index}`) ?? assert.fail(`no node ${level}/${index}`),
  };
  for (let version = 0n; version < logSize; version++) {
    const info = infoAt(version);
    for (const { level, index, hash } of frontier.append(
      logLeafHash(encodeTransactionInfo(info)),
    )) {
      nodes.set(`${level}/${index}`, hash);
    }
    const siblings = inclusionProof(version, version + 1n, reader);
    assert.deepEqual(stateRootProofLogRoot(info, siblings), frontier.root(), `version ${version}`);
    const restored = frontierOfStateRootProof(info, siblings);
    const original = frontier.copy();
    for (const log of [restored, original]) log.append(modelHash("next"));
    assert.equal(restored.size, version + 2n);
    assert.deepEqual(restored.root(), original.root(), `from version ${version}`);

    const tooMany = [...siblings, modelHash("more")];
    assert.throws(() => stateRootProofLogRoot(info, tooMany), PROOF_INVALID);
    assert.throws(() => frontierOfStateRootProof(info, tooMany), PROOF_INVALID);
    const other = { ...info, stateRoot: modelHash("other") };
    assert.notDeepEqual(stateRootProofLogRoot(other, siblings), frontier.root());
  }
});

test("an info without a state root, with a wrong version or wrong siblings proves nothing", () => {
  const refused = (info: TransactionInfo, siblings: readonly Buffer[]): void =>
    assert.throws(() => stateRootProofLogRoot(info, siblings), PROOF_INVALID);
  refused(infoAt(0n, false), []);
  refused(infoAt(2n ** 53n), [modelHash("1")]);
  refused(infoAt(1n), []);
  refused(infoAt(1n), [modelHash("1").subarray(1)]);
});
