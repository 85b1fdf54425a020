/** Streams at the same time whose jobs run far ahead. */
const FAR_STREAMS_MAX = 4;
/**
 * Frames of the usual size that one job fills for a reader who is as fast as the scan. Each job
 * costs messages, and wakes two threads.
 */
const FRAMES_MAX = 4;
/** The same of the first streams, which are 6 % faster for it (docs/adr/0008). */
const FRAMES_FAR_MAX = 8;
/**
 * Frames filled for a reader who waits before a job fills more of them: buffers and windows on the
 * way to a client that never reads take about four, which is no reading.
 */
const FRAMES_BEFORE_MORE = 8;

/** How far jobs run ahead of one reader. Disposed when its stream ends. */
export interface FramesAhead extends Disposable {
  /** At most so many frames for the next job, one at least. */
  readonly frames: number;
  /**
   * Who has waited for some frames gets twice as many at once; who makes frames wait gets one less.
   * @param isWaiting whether the reader took all there was before the job had filled more.
   */
  adjust(isWaiting: boolean): void;
}

/**
 * Bounds the memory that streams fill ahead: with those that are being sent, twice its frames for
 * each. Who comes when the first places are taken keeps the smaller bound until its end.
 */
export class AheadOfReaders {
  #far = 0;

  /**
   * For one more stream.
   * @param mayBeFar false for one whose frames cost a thread much: its reader would have nothing to
   * do while many are filled.
   */
  forStream(mayBeFar: boolean): FramesAhead {
    const isFar = mayBeFar && this.#far < FAR_STREAMS_MAX;
    if (isFar) this.#far++;
    const most = isFar ? FRAMES_FAR_MAX : FRAMES_MAX;
    let frames = 1;
    let waitedFor = 0;
    return {
      get frames() {
        return frames;
      },
      adjust: (isWaiting) => {
        waitedFor = isWaiting ? waitedFor + frames : 0;
        if (!isWaiting) frames = Math.max(1, frames - 1);
        if (waitedFor < FRAMES_BEFORE_MORE) return;
        frames = Math.min(2 * frames, most);
        waitedFor = 0;
      },
      [Symbol.dispose]: () => {
        if (isFar) this.#far--;
      },
    };
  }
}
