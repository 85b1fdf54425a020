// Goal: what is believed holds only if the listing says the same of each snapshot, and a false claim
// ends at once what was begun on it.
// Method: a written archive whose claims or listing are changed on the way.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import type { Archive, SnapshotSummary } from "@holdfast/archive";
import { temporaryDirectory } from "@holdfast/testing";
import { BelievedSnapshots, ManifestDamaged } from "./believed-snapshots.js";
import { stateOf, WrittenArchive } from "./test-support/written-archive.js";

type Summaries = readonly SnapshotSummary[];

/** An archive of two snapshots that claims and lists what these make of them. */
async function archiveThat(
  claims: (whole: Summaries) => Summaries | null,
  lists: (whole: Summaries) => Summaries,
): Promise<{ archive: Archive } & AsyncDisposable> {
  const folder = await temporaryDirectory();
  const written = await WrittenArchive.create(join(folder.path, "archive"));
  await written.full(stateOf(20, "one"));
  await written.full(stateOf(20, "two"));
  const whole = await written.archive.snapshots();
  assert.equal(whole.length, 2);
  const changed: Pick<Archive, "claimedSnapshots" | "snapshots"> = {
    claimedSnapshots: async () => claims(whole)?.slice() ?? null,
    snapshots: async () => lists(whole).slice(),
  };
  return {
    archive: changed as Archive,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const same = (whole: Summaries): Summaries => whole;
const first = (whole: Summaries): Summaries => whole.slice(0, 1);
const otherHistory = ([one, two]: Summaries): Summaries => {
  assert.ok(one && two);
  const histories = [{ historyId: Buffer.alloc(16, 7) }];
  return [one, { ...two, head: { ...two.head, histories } }];
};
const otherSum = ([one, two]: Summaries): Summaries => {
  assert.ok(one && two);
  return [one, { ...two, foot: { ...two.foot, storedBytes: 1n } }];
};

test("true as long as the listing says the same; what came meanwhile does not matter", async () => {
  for (const claims of [same, first]) {
    await using of = await archiveThat(claims, same);
    await using believed = await BelievedSnapshots.of(of.archive, new AbortController().signal);
    assert.ok(believed);
    assert.equal(await believed.check(), true);
    assert.equal(believed.signal.aborted, false);
  }
});

test("a snapshot that is not listed, or is another than it claims, is false", async () => {
  for (const [claims, lists] of [
    [same, first],
    [otherHistory, same],
    [same, otherHistory],
    [otherSum, same],
  ] as const) {
    await using of = await archiveThat(claims, lists);
    await using believed = await BelievedSnapshots.of(of.archive, new AbortController().signal);
    assert.ok(believed);
    assert.equal(await believed.check(), false);
    assert.ok(believed.signal.reason instanceof ManifestDamaged, "what was begun is ended");
  }
});

test("nothing claimed, nothing believed; an abort ends both", async () => {
  await using none = await archiveThat(() => null, same);
  const parent = new AbortController();
  assert.equal(await BelievedSnapshots.of(none.archive, parent.signal), null);
  await using of = await archiveThat(same, same);
  await using believed = await BelievedSnapshots.of(of.archive, parent.signal);
  const reason = new Error("enough");
  parent.abort(reason);
  assert.equal(believed?.signal.reason, reason);
});
