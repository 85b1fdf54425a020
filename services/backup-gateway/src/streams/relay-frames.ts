import { type Clock, HoldfastError, WaitTimer } from "@holdfast/core";
import { type Frame, framePart } from "./frame-part.js";

/** The client's side of a stream. */
export interface FrameSink<F extends Frame> {
  /** @returns when the client's transport has taken the frame. */
  send(frame: F): Promise<void>;
  /** Sends the trailer and ends the stream with OK. */
  finish(trailer: F): Promise<void>;
  /** Waits, and sends a heartbeat whenever the stream was silent for too long. */
  heartbeatWhile<T>(work: Promise<T>, frame: () => F): Promise<T>;
}

/** What a relay needs besides its two ends. */
export interface RelayOptions<F extends Frame> {
  readonly clock: Clock;
  /** Sent while storage is silent. */
  readonly heartbeat: F;
  /** Storage was silent for longer than it may be; has to make the source throw. */
  readonly onSilence: (error: HoldfastError) => void;
  /** @default 60 s */
  readonly silenceMsMax?: number;
}

/**
 * Storage sends a heartbeat every 5 s, and a call waits 20 s for a slot there at most: after
 * three times that it has gone without closing its connection.
 */
const SILENCE_MS_MAX = 60_000;

/**
 * Passes a stream on, frame by frame, undecoded and uncopied: the next frame is asked for when the
 * client has taken the one before. The trailer is held back until storage has ended the stream with
 * OK, and a stream that ends without one is an error: a reader can trust what it gets.
 * @throws STORAGE_UNAVAILABLE for a stream without trailer; what source and sink throw.
 */
export async function relayFrames<F extends Frame>(
  source: AsyncGenerator<F, void, undefined>,
  sink: FrameSink<F>,
  options: RelayOptions<F>,
): Promise<void> {
  const { clock, heartbeat, onSilence, silenceMsMax = SILENCE_MS_MAX } = options;
  const silence = new WaitTimer(clock, silenceMsMax, () => onSilence(silent(silenceMsMax)));
  let trailer: F | null = null;
  let frames = 0;
  try {
    for (;;) {
      silence.begin();
      const { done, value } = await sink.heartbeatWhile(source.next(), () => heartbeat);
      silence.end();
      if (done) break;
      const part = framePart(value);
      if (trailer !== null) throw new Error("storage sent a frame behind the trailer");
      if ((part === "header") !== (frames === 0)) {
        throw new Error(`storage sent frame ${frames} of a stream with part "${part}"`);
      }
      frames += 1;
      if (part === "trailer") trailer = value;
      else await sink.send(value);
    }
    if (trailer === null) throw cutShort();
    await sink.finish(trailer);
  } finally {
    silence.stop();
    await source.return();
  }
}

function cutShort(): HoldfastError {
  return new HoldfastError(
    "STORAGE_UNAVAILABLE",
    "Storage ended the stream before its trailer. Go on behind the last tile.",
  );
}

function silent(ms: number): HoldfastError {
  return new HoldfastError(
    "STORAGE_UNAVAILABLE",
    `Storage gave no sign of life for ${ms / 1000} s. Go on behind the last tile.`,
  );
}
