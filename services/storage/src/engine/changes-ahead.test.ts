// Goal: a frame is filled ahead for the job that comes next and for no other, and only for a stream
// that has the thread for itself and whose reader waits.
// Method: jobs and results made by hand; that frames filled ahead are the right ones is shown by
// delta-scan.test.ts.
import { strict as assert } from "node:assert";
import test from "node:test";
import type { GatheredChanges } from "../state/gathered-changes.js";
import { ChangesAhead } from "./changes-ahead.js";
import type { ChangesJob, ChangesResult } from "./scan-job.js";

const NOTHING: GatheredChanges = {
  changes: new ArrayBuffer(0),
  sent: 0,
  coveredTo: null,
  pass: null,
};

function jobBehind(after: string, more: Partial<ChangesJob> = {}): ChangesJob {
  const gathered = after === "" ? null : NOTHING;
  const of = { kind: "changes", generation: "g", fromVersion: 1n, version: 9n } as const;
  return { ...of, after, gathered, framesMax: 4, memory: [], ...more };
}

function resultUpTo(last: string, more: Partial<ChangesResult> = {}): ChangesResult {
  const frame = { memory: new ArrayBuffer(1_000), offset: 0, length: 1_000 };
  const counts = { tiles: 1, bodies: 1, items: 1, bytes: 1, chunkIds: new Uint8Array(32) };
  return { frame, ...counts, last, isLast: false, gathered: NOTHING, ...more };
}

/** After two jobs of one stream, the second behind "1" and up to "2". */
function inSuccession(second: Partial<ChangesJob> = {}, results = [resultUpTo("2")]): ChangesAhead {
  const ahead = new ChangesAhead();
  ahead.done(jobBehind(""), [resultUpTo("1")]);
  assert.equal(ahead.expected, null, "one job is no succession");
  ahead.take(jobBehind("1", second));
  ahead.done(jobBehind("1", second), results);
  return ahead;
}

test("the first frame of the job expected, once", () => {
  const ahead = inSuccession();
  assert.equal(ahead.expected?.after, "2");
  const filled = resultUpTo("3");
  ahead.keep(filled);
  assert.equal(ahead.expected, null, "it is filled");
  assert.equal(ahead.take(jobBehind("2")), filled);
  assert.equal(ahead.take(jobBehind("2")), null);
});

test("no other job gets it", () => {
  for (const other of [
    jobBehind("1"),
    jobBehind("2", { version: 8n }),
    jobBehind("2", { fromVersion: 2n }),
    jobBehind("2", { generation: "h" }),
    // Another stream that begins there.
    jobBehind("2", { gathered: null }),
  ]) {
    const ahead = inSuccession();
    ahead.keep(resultUpTo("3"));
    assert.equal(ahead.take(other), null);
    assert.equal(ahead.take(jobBehind("2")), null, "it is lost");
  }
});

test("streams that take turns, a reader who is slow, and the end have none", () => {
  const turns = inSuccession();
  turns.take(jobBehind("7", { version: 8n }));
  turns.done(jobBehind("7", { version: 8n }), [resultUpTo("8")]);
  assert.equal(turns.expected, null);
  turns.done(jobBehind("2"), [resultUpTo("3")]);
  assert.equal(turns.expected, null);

  assert.equal(inSuccession({ framesMax: 1 }).expected, null);
  assert.equal(inSuccession({}, [resultUpTo("2", { isLast: true })]).expected, null);
  assert.equal(inSuccession({}, [resultUpTo("1", { frame: null })]).expected, null);
  const forgotten = inSuccession();
  forgotten.forget();
  assert.equal(forgotten.expected, null);
});

test("memory that a job brought and did not fill is used; a frame that is large is not kept", () => {
  const memory = [new ArrayBuffer(1), new ArrayBuffer(2), new ArrayBuffer(3)];
  const unused = inSuccession({ memory }, [resultUpTo("11", { gathered: null }), resultUpTo("2")]);
  assert.deepEqual(unused.expected?.memory, memory.slice(2));

  unused.keep(resultUpTo("3"));
  assert.ok(unused.take(jobBehind("2")));
  unused.done(jobBehind("2", { memory }), [
    resultUpTo("3", { gathered: null }),
    resultUpTo("4", { gathered: null }),
    resultUpTo("5"),
  ]);
  assert.deepEqual(unused.expected?.memory, memory.slice(2), "the first frame was there");

  const large = { memory: new ArrayBuffer(2 ** 19), offset: 0, length: 2 ** 19 };
  unused.keep(resultUpTo("6", { frame: large }));
  assert.equal(unused.take(jobBehind("5")), null);
  assert.equal(inSuccession({}, [resultUpTo("2", { frame: large })]).expected, null);

  const nothing = inSuccession();
  nothing.keep(null);
  assert.equal(nothing.expected, null);
  assert.equal(nothing.take(jobBehind("2")), null);
});
