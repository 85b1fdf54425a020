import assert from "node:assert/strict";
import { limits, WaitTimer } from "@holdfast/core";
import type { ServerCall } from "./server-call.js";
import { stalled } from "./stalled.js";

/**
 * The sending side of a stream. There are two ways to end it: `finish` with a trailer, `abort`
 * with an error; a handler that leaves otherwise aborts. Nothing, not even response headers, is
 * sent before the first frame.
 */
export class FrameStream<Frame> {
  readonly #call: ServerCall;
  #state: "new" | "open" | "ended" = "new";
  #sending = false;
  /** The heartbeat the transport has not taken, if any. */
  #beat: Promise<void> | null = null;
  #lastSentMs: number;
  /** One whole frame taken by the transport is progress; none while we have one is a stall. */
  readonly #stall: WaitTimer;
  /** The heartbeat of the work that is waited for; null when there is none. */
  #beatFrame: (() => Frame) | null = null;
  readonly #silence: WaitTimer;

  constructor(call: ServerCall) {
    this.#call = call;
    const { clock, times } = call.host;
    this.#lastSentMs = clock.monotonicMs();
    this.#stall = new WaitTimer(clock, times.stallMs, () => {
      if (!call.signal.aborted) this.abort(stalled(times.stallMs));
    });
    this.#silence = new WaitTimer(clock, limits.HEARTBEAT_MS, () => this.#onSilence());
  }

  /**
   * Sends one frame; one at a time. The frame must not be changed afterwards.
   * @param lastPath path of the last tile in it: an error that interrupts the stream names it.
   * @returns when the transport has taken it.
   * @throws the reason of the call's signal when the call ends, STALLED among them.
   */
  async send(frame: Frame, lastPath = ""): Promise<void> {
    assert.ok(!this.#sending, "one frame at a time");
    assert.ok(this.#state !== "ended", "the stream has not ended");
    this.#state = "open";
    this.#sending = true;
    try {
      if (this.#beat !== null) await this.#beat;
      await this.#write(frame, lastPath);
    } finally {
      this.#sending = false;
    }
  }

  /**
   * Sends a sign of life, unless an earlier frame is still unread or none was sent yet.
   * @returns whether it was sent.
   */
  heartbeat(frame: Frame): boolean {
    if (this.#state !== "open" || this.#sending || this.#beat !== null) return false;
    if (this.#call.signal.aborted) return false;
    const beat = this.#write(frame).finally(() => {
      this.#beat = null;
    });
    beat.catch(() => undefined);
    this.#beat = beat;
    return true;
  }

  /**
   * Waits for `work` and sends a heartbeat whenever nothing was sent for HEARTBEAT_MS.
   * @throws what `work` throws. It does not end `work`: give that the call's signal.
   */
  async heartbeatWhile<T>(work: Promise<T>, frame: () => Frame): Promise<T> {
    this.#beatFrame = frame;
    this.#silence.begin(this.#lastSentMs);
    try {
      return await work;
    } finally {
      this.#silence.end();
      this.#beatFrame = null;
    }
  }

  /** Sends the trailer and ends the stream with OK. @throws like `send`. */
  async finish(trailer: Frame): Promise<void> {
    const sent = this.send(trailer);
    this.#state = "ended";
    await sent;
    this.#stopTimers();
    this.#call.succeed();
  }

  /** Ends the stream with an error. Does nothing when the call has ended. */
  abort(error: unknown): void {
    this.#state = "ended";
    this.#stopTimers();
    this.#call.fail(error);
  }

  async #write(frame: Frame, lastPath = ""): Promise<void> {
    this.#stall.begin();
    try {
      await this.#call.send(frame, lastPath);
      this.#lastSentMs = this.#call.host.clock.monotonicMs();
    } finally {
      this.#stall.end();
    }
  }

  #stopTimers(): void {
    this.#stall.stop();
    this.#silence.stop();
  }

  #onSilence(): void {
    if (this.#beatFrame === null) return;
    this.heartbeat(this.#beatFrame());
    this.#silence.begin();
  }
}
