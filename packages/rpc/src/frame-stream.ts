import assert from "node:assert/strict";
import { limits, type Timer } from "@holdfast/core";
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
  /** When the transport was handed the frame it has not taken; null when there is none. */
  #waitingSinceMs: number | null = null;
  #stallTimer: Timer | null = null;

  constructor(call: ServerCall) {
    this.#call = call;
    this.#lastSentMs = call.host.clock.monotonicMs();
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
   * Waits for `work` and sends a heartbeat whenever nothing was sent for `everyMs`.
   * @throws what `work` throws. It does not end `work`: give that the call's signal.
   */
  async heartbeatWhile<T>(
    work: Promise<T>,
    frame: () => Frame,
    everyMs: number = limits.HEARTBEAT_MS,
  ): Promise<T> {
    const { clock } = this.#call.host;
    const tick = (): void => {
      const silentMs = clock.monotonicMs() - this.#lastSentMs;
      if (silentMs >= everyMs) this.heartbeat(frame());
      const nextMs = silentMs >= everyMs ? everyMs : everyMs - silentMs;
      timer = clock.setTimer(nextMs, tick);
    };
    let timer = clock.setTimer(everyMs - (clock.monotonicMs() - this.#lastSentMs), tick);
    try {
      return await work;
    } finally {
      timer.cancel();
    }
  }

  /** Sends the trailer and ends the stream with OK. @throws like `send`. */
  async finish(trailer: Frame): Promise<void> {
    const sent = this.send(trailer);
    this.#state = "ended";
    await sent;
    this.#call.succeed();
  }

  /** Ends the stream with an error. Does nothing when the call has ended. */
  abort(error: unknown): void {
    this.#state = "ended";
    this.#call.fail(error);
  }

  async #write(frame: Frame, lastPath = ""): Promise<void> {
    const { clock, times } = this.#call.host;
    this.#waitingSinceMs = clock.monotonicMs();
    if (this.#stallTimer === null) this.#watch(times.stallMs);
    try {
      await this.#call.send(frame, lastPath);
      this.#lastSentMs = clock.monotonicMs();
    } finally {
      this.#waitingSinceMs = null;
    }
  }

  /**
   * One whole frame taken by the transport is progress; none while we have one is a stall. One
   * timer that follows the frames is cheaper than one for each.
   */
  #watch(delayMs: number): void {
    const { clock, times } = this.#call.host;
    this.#stallTimer = clock.setTimer(delayMs, () => {
      this.#stallTimer = null;
      if (this.#waitingSinceMs === null || this.#call.signal.aborted) return;
      const leftMs = this.#waitingSinceMs + times.stallMs - clock.monotonicMs();
      if (leftMs > 0) this.#watch(leftMs);
      else this.abort(stalled(times.stallMs));
    });
  }
}
