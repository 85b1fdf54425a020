// Goal: who may do what to a restore, and what is left when a step fails.
// Method: the real lessor on a manual clock; generations, provers, live store and session store
// are fakes that can be held, made to fail, and asked what happened.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError, type Reason } from "@holdfast/core";
import { EMPTY_HASH } from "@holdfast/merkle";
import { RecordingLogger } from "@holdfast/testing";
import { ask, type Bench, openBench, patient } from "../lease/lessor.test-support.js";
import type { Authority, BeginRequest } from "./begin-request.js";
import type { GenerationBuilder } from "./generation-builder.js";
import type { Generations, LiveState, TileProvers } from "./ports.js";
import type { RestoreSession } from "./restore-session.js";
import { Restorer } from "./restorer.js";
import type { SessionStore } from "./session-store.js";
import type { TilePart } from "./upload.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function reason(expected: Reason): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.reason, expected, error.message);
    return true;
  };
}

/** A restorer among fakes. */
class Fixture implements SessionStore, Generations, TileProvers {
  readonly bench: Bench;
  readonly restorer: Restorer;
  readonly saved: Map<string, RestoreSession> = new Map();
  /** What happened to generations, in order. */
  readonly events: string[] = [];
  readonly failures: unknown[] = [];
  live: LiveState = { ledgerId: null, histories: [], committed: null, stateRoot: EMPTY_HASH };
  /** Fails the next publish, or going live. */
  publishError: Error | null = null;
  goLiveError: Error | null = null;
  /** Free disk is below the mark. */
  isDiskLow = false;
  /** Provers wait for this. */
  proving: Promise<void> = Promise.resolve();
  /** Provers were prepared, and not let go since. */
  hasThreads = false;
  /** The digest of every plan. */
  digest: Buffer = Buffer.alloc(32, "d");
  /** Generations close behind this. */
  closing: Promise<void> = Promise.resolve();
  #numbers = 1;
  #ids = 0;

  private constructor(bench: Bench) {
    this.bench = bench;
    this.restorer = new Restorer({
      clock: bench.clock,
      logger: new RecordingLogger(),
      store: this,
      lessor: bench.lessor,
      live: {
        state: () => this.live,
        goLive: async (generation) => {
          this.events.push(`live ${generation}`);
          if (this.goLiveError !== null) throw this.goLiveError;
        },
      },
      generations: this,
      provers: this,
      disk: {
        check: async () => {
          if (this.isDiskLow) throw new HoldfastError("DISK_LOW", "Free disk.");
        },
      },
      randomId: () => Buffer.alloc(16, ++this.#ids),
      onFailure: (error) => this.failures.push(error),
    });
  }

  static async open(): Promise<Fixture> {
    return new Fixture(await openBench());
  }

  async acquire(): Promise<Authority> {
    const { lease } = await this.bench.lessor.acquire(ask({ kind: "exclusive" }), patient);
    return { leaseId: lease.leaseId, token: lease.token };
  }

  begin(authority: Authority, changes: Partial<BeginRequest> = {}) {
    const request: BeginRequest = {
      ...authority,
      requestId: "",
      plan: {
        ledgerId: Buffer.alloc(16, "l"),
        histories: [{ historyId: Buffer.alloc(16, "h"), forkVersion: null }],
        info: {
          version: 0n,
          commitTimeUs: 0n,
          payloadHash: EMPTY_HASH,
          writeSetHash: EMPTY_HASH,
          eventRoot: EMPTY_HASH,
          stateRoot: EMPTY_HASH,
        },
        logSiblings: [],
        tileCount: 1,
        items: 1n,
        bytes: 100n,
      },
      live: { historyId: null, committed: null, stateRoot: EMPTY_HASH },
      replace: false,
      ...changes,
    };
    return this.restorer.begin(request, none(), patient);
  }

  upload(sessionId: string, authority: Authority, parts = [tile("a")]) {
    return this.restorer.upload(sessionId, authority, some(parts), patient);
  }

  load(): RestoreSession[] {
    return [...this.saved.values()];
  }

  async write({ puts, removals }: Parameters<SessionStore["write"]>[0]): Promise<void> {
    for (const session of puts) this.saved.set(session.sessionId, session);
    for (const sessionId of removals) this.saved.delete(sessionId);
  }

  async publish(session: RestoreSession): Promise<void> {
    if (this.publishError !== null) throw this.publishError;
    this.saved.set(session.sessionId, session);
  }

  async next(): Promise<number> {
    this.#numbers += 1;
    return this.#numbers;
  }

  async build(generation: number): Promise<GenerationBuilder> {
    this.events.push(`open ${generation}`);
    let owner = 0n;
    return {
      beginPlan: async () => undefined,
      addPlan: async () => undefined,
      endPlan: async () => this.digest,
      own: async (token) => {
        owner = token;
        return 0;
      },
      write: async (token, batch) => {
        assert.equal(token, owner, "the row would refuse it");
        this.events.push(`write ${batch.tiles.map(({ path }) => path).join(" ")}`);
        return { written: batch.tiles.length, done: batch.tiles.length };
      },
      pending: async () => ({ paths: [], done: 0 }),
      complete: async () => undefined,
      tidy: async () => undefined,
      close: async () => {
        await this.closing;
        this.events.push(`close ${generation}`);
      },
    };
  }

  async remove(generation: number): Promise<void> {
    this.events.push(`remove ${generation}`);
  }

  async sizeBytes(): Promise<bigint> {
    return 0n;
  }

  async freeBytes(): Promise<bigint> {
    return 150n;
  }

  async prove(...[, batch]: Parameters<TileProvers["prove"]>) {
    await this.proving;
    const nothing = new Uint8Array(0);
    const tiles = batch.tiles.map(({ path }) => {
      return { path, row: nothing, itemsEnd: 0, nodesEnd: 0 };
    });
    const spans = new Uint32Array(0);
    return { body: batch.body, keyHashes: nothing, spans, nodes: nothing, tiles };
  }

  prepare(): void {
    this.hasThreads = true;
  }

  async rest(): Promise<void> {
    this.hasThreads = false;
  }
}

function tile(path: string): TilePart {
  return { path, data: Buffer.from("body"), last: true };
}

async function* none(): AsyncGenerator<never, void, undefined> {}

async function* some(parts: readonly TilePart[]): AsyncGenerator<TilePart, void, undefined> {
  yield* parts;
}

/** Proving waits until the returned function is called. */
function hold(fixture: Fixture): () => void {
  let release = (): void => undefined;
  fixture.proving = new Promise((resolve) => {
    release = resolve;
  });
  return release;
}

test("an upload in flight is over before its adopter hears that it adopted", async () => {
  const fixture = await Fixture.open();
  const first = await fixture.acquire();
  const { sessionId } = await fixture.begin(first);
  const release = hold(fixture);
  const upload = fixture.upload(sessionId, first);
  const refused = assert.rejects(upload, reason("FENCED"));
  await settle();
  await fixture.bench.lessor.release(first.leaseId);
  const second = await fixture.acquire();
  let isAdopted = false;
  const adoption = fixture.begin(second).then((begun) => {
    isAdopted = true;
    return begun;
  });
  await settle();
  assert.equal(isAdopted, false, "the tile is still being proved");
  release();
  await refused;
  assert.deepEqual(await adoption, { sessionId, adopted: true, tilesDone: 0 });
  assert.ok(!fixture.events.includes("write a"), "nothing of it was written");
  await fixture.upload(sessionId, second);
  await fixture.restorer.finish(sessionId, second);
  assert.deepEqual(fixture.events, [
    "open 2",
    "open 3",
    "close 3",
    "remove 3",
    "write a",
    "close 2",
    "live 2",
  ]);
});

test("an upload whose client has vanished does not keep the next holder waiting", async () => {
  const fixture = await Fixture.open();
  const first = await fixture.acquire();
  const { sessionId } = await fixture.begin(first);
  let parts = 0;
  async function* vanished(): AsyncGenerator<TilePart, void, undefined> {
    yield { ...tile("a"), last: false };
    parts += 1;
    await new Promise<never>(() => undefined);
  }
  const upload = fixture.restorer.upload(sessionId, first, vanished(), patient);
  const refused = assert.rejects(upload, reason("FENCED"));
  await settle();
  assert.equal(parts, 1, "it waits for the second part");
  await fixture.bench.lessor.release(first.leaseId);
  const second = await fixture.acquire();
  assert.equal((await fixture.begin(second)).adopted, true);
  await refused;
});

test("a holder that begins again ends its own uploads, which nobody fenced", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority, { requestId: "one" });
  const release = hold(fixture);
  const refused = assert.rejects(fixture.upload(sessionId, authority), reason("CANCELLED"));
  await settle();
  const begun = fixture.begin(authority, { requestId: "two" });
  await settle();
  release();
  assert.deepEqual(await begun, { sessionId, adopted: true, tilesDone: 0 });
  await refused;
  await fixture.upload(sessionId, authority);
});

test("the generation of a restore that takes another's place is opened once", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  await fixture.begin(authority);
  let close = (): void => undefined;
  fixture.closing = new Promise((resolve) => {
    close = resolve;
  });
  fixture.digest = Buffer.alloc(32, "e");
  const begun = fixture.begin(authority);
  await settle();
  // It is known from the moment in which it is durable, while the one before still closes.
  const session = fixture.load().find(({ generation }) => generation === 3);
  assert.ok(session !== undefined);
  await fixture.restorer.get(session.sessionId, "", 1);
  await fixture.upload(session.sessionId, authority);
  close();
  assert.equal((await begun).sessionId, session.sessionId);
  await fixture.restorer.finish(session.sessionId, authority);
  assert.deepEqual(fixture.events, [
    "open 2",
    "open 3",
    "write a",
    "close 2",
    "remove 2",
    "close 3",
    "live 3",
  ]);
});

test("a failed upload is over before its caller hears of it", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  const release = hold(fixture);
  // The first tile fills a batch, which is being proved when the second one breaks the rules.
  const part = { path: "a", data: Buffer.alloc(65_536), last: false };
  const full = [...Array.from({ length: 8 }, () => part), { ...part, last: true }];
  let isTold = false;
  const refused = assert
    .rejects(
      fixture.upload(sessionId, authority, [...full, tile("not a path")]),
      reason("INVALID_REQUEST"),
    )
    .then(() => {
      isTold = true;
    });
  await settle();
  assert.equal(isTold, false);
  release();
  await refused;
  assert.ok(!fixture.events.includes("write a"));
});

test("four uploads run at the same time, a fifth is told to come back", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  const release = hold(fixture);
  const uploads = ["a", "b", "c", "d"].map((path) =>
    fixture.upload(sessionId, authority, [tile(path)]),
  );
  await settle();
  const fifth = await fixture.upload(sessionId, authority).catch((error: unknown) => error);
  assert.ok(reason("NO_SLOT")(fifth));
  assert.ok(fifth instanceof HoldfastError && (fifth.retryAfterMs ?? 0) > 0);
  release();
  await Promise.all(uploads);
  await fixture.upload(sessionId, authority);
});

test("an abort ends what runs, then removes the generation", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  const release = hold(fixture);
  const refused = assert.rejects(fixture.upload(sessionId, authority), reason("CANCELLED"));
  await settle();
  const aborted = fixture.restorer.abort(sessionId, authority);
  await settle();
  assert.ok(!fixture.events.includes("close 2"), "the tile is still being proved");
  release();
  await refused;
  await aborted;
  assert.deepEqual(fixture.events, ["open 2", "close 2", "remove 2"]);
  assert.equal(fixture.saved.get(sessionId)?.state, "aborted");
  await fixture.restorer.abort(sessionId, authority);
});

test("publish refuses another live state, and everything stays as it was", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  const live = fixture.live;
  fixture.live = {
    ledgerId: Buffer.alloc(16, "l"),
    histories: [{ historyId: Buffer.alloc(16, "x"), forkVersion: null }],
    committed: 0n,
    stateRoot: Buffer.alloc(32, "r"),
  };
  const { restorer, bench } = fixture;
  await assert.rejects(restorer.finish(sessionId, authority), reason("LIVE_STATE_CHANGED"));
  assert.equal(bench.commits.paused, true);
  assert.equal(fixture.saved.get(sessionId)?.state, "building");
  fixture.live = live;
  fixture.publishError = new HoldfastError("ENGINE_FAILED", "no");
  await assert.rejects(restorer.finish(sessionId, authority), reason("ENGINE_FAILED"));
  assert.equal(bench.commits.paused, true);
  assert.ok(!fixture.events.includes("live 2"));
  fixture.publishError = null;
  const published = await restorer.finish(sessionId, authority);
  assert.equal(published.state, "published");
  assert.equal(bench.commits.paused, false);
  assert.deepEqual(await restorer.finish(sessionId, authority), published);
  assert.equal(fixture.events.filter((event) => event === "live 2").length, 1);
});

test("a published generation that can't be served ends the process", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  fixture.goLiveError = new Error("the disk is gone");
  await assert.rejects(fixture.restorer.finish(sessionId, authority), /the disk is gone/);
  assert.deepEqual(fixture.failures, [fixture.goLiveError]);
  assert.equal(fixture.bench.commits.paused, true, "nothing is committed to the old one");
});

test("an expired lease ends the job, not the restore", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  await fixture.bench.clock.advanceAsync(30_000);
  const expired = reason("LEASE_EXPIRED");
  await assert.rejects(fixture.upload(sessionId, authority), expired);
  await assert.rejects(fixture.restorer.finish(sessionId, authority), expired);
  await assert.rejects(fixture.restorer.abort(sessionId, authority), expired);
  await assert.rejects(fixture.begin(authority), expired);
  const next = await fixture.acquire();
  await assert.rejects(fixture.begin(authority), reason("FENCED"));
  assert.equal((await fixture.begin(next)).adopted, true);
});

test("a disk that fills up in mid-restore stops it, and it goes on once there is room", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { sessionId } = await fixture.begin(authority);
  await fixture.upload(sessionId, authority, [tile("a")]);
  fixture.isDiskLow = true;
  const low = reason("DISK_LOW");
  await assert.rejects(fixture.upload(sessionId, authority, [tile("b")]), low);
  await assert.rejects(fixture.restorer.finish(sessionId, authority), low);
  assert.ok(!fixture.events.includes("write b"));
  assert.equal(fixture.saved.get(sessionId)?.state, "building");
  fixture.isDiskLow = false;
  await fixture.upload(sessionId, authority, [tile("b")]);
  assert.ok(fixture.events.includes("write b"));
  await fixture.restorer.finish(sessionId, authority);
});

test("threads that prove are there from the begin of a restore to its end", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const { build } = fixture;
  fixture.build = () => {
    assert.ok(fixture.hasThreads, "they load their code beside the thread that builds");
    return Promise.reject(new Error("no thread"));
  };
  await assert.rejects(fixture.begin(authority), /no thread/);
  assert.ok(!fixture.hasThreads, "nothing was begun");
  fixture.build = build;
  const { sessionId } = await fixture.begin(authority);
  assert.ok(fixture.hasThreads);
  await fixture.restorer.finish(sessionId, authority);
  assert.ok(!fixture.hasThreads);
});

test("an unknown restore, a shared lease and a full disk are refused", async () => {
  const fixture = await Fixture.open();
  const authority = await fixture.acquire();
  const unknown = reason("SESSION_UNKNOWN");
  await assert.rejects(fixture.upload("nobody's", authority), unknown);
  await assert.rejects(fixture.restorer.finish("nobody's", authority), unknown);
  await assert.rejects(fixture.restorer.abort("nobody's", authority), unknown);
  await assert.rejects(fixture.restorer.get("nobody's", "", 1), unknown);
  const wrongLease = { ...authority, leaseId: "nobody's" };
  await assert.rejects(fixture.upload("nobody's", wrongLease), reason("LEASE_UNKNOWN"));
  fixture.freeBytes = async () => 149n;
  await assert.rejects(fixture.begin(authority), reason("DISK_LOW"));
  assert.deepEqual(fixture.events, [], "no generation was made");
});
