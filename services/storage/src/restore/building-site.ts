import type { DiskGuard } from "../ledger/committer.js";
import type { GenerationBuilder, WrittenTiles } from "./generation-builder.js";
import type { Generations, TileProvers } from "./ports.js";
import type { RestoreSession } from "./restore-session.js";
import type { TilePart } from "./upload.js";
import { runUpload } from "./upload-run.js";
import { Uploads } from "./uploads.js";
import { WriteGroups } from "./write-groups.js";

/** The generation of the restore under way: open once it is needed, with its uploads. */
export class BuildingSite {
  readonly #generations: Generations;
  readonly #provers: TileProvers;
  readonly #disk: DiskGuard;
  readonly #uploads: Uploads = new Uploads();
  readonly #groups: WriteGroups = new WriteGroups();
  #open: { readonly sessionId: string; readonly builder: Promise<GenerationBuilder> } | null = null;

  constructor(generations: Generations, provers: TileProvers, disk: DiskGuard) {
    this.#generations = generations;
    this.#provers = provers;
    this.#disk = disk;
  }

  /** The builder of a restore; after a failure to open, the next call tries again. */
  builderOf({ sessionId, generation, plan }: RestoreSession): Promise<GenerationBuilder> {
    if (this.#open?.sessionId === sessionId) return this.#open.builder;
    const builder = this.#generations.build(generation, plan.info.version);
    const open = { sessionId, builder };
    this.#open = open;
    builder.catch(() => {
      if (this.#open === open) this.#open = null;
    });
    return builder;
  }

  /**
   * A builder that is open already is the one of this restore, at once: nobody opens its generation
   * a second time. What was under way before ends with this error, and its generation is closed.
   */
  async moveIn(
    { sessionId }: RestoreSession,
    builder: GenerationBuilder,
    error: Error,
  ): Promise<void> {
    const before = this.#open;
    this.#open = { sessionId, builder: Promise.resolve(builder) };
    await this.#uploads.end(error);
    await closeOpened(before?.builder);
  }

  /** @throws NO_SLOT when too many uploads run; what `runUpload` throws. */
  async upload(
    session: RestoreSession,
    parts: AsyncIterable<TilePart>,
    signal: AbortSignal,
  ): Promise<WrittenTiles> {
    const builder = await this.builderOf(session);
    const groups = this.#groups;
    const target = { session, builder, provers: this.#provers, groups, disk: this.#disk };
    return await this.#uploads.run(signal, (own) => runUpload(target, parts, own));
  }

  /** A restore is being begun. */
  prepare(): void {
    this.#provers.prepare();
  }

  /** Lets the threads go that have nothing to do: none was begun. */
  rest(): Promise<void> {
    return this.#provers.rest();
  }

  /** Ends all uploads with this error, and waits until nothing of them runs any more. */
  endUploads(error: Error): Promise<void> {
    return this.#uploads.end(error);
  }

  /** Closes the generation, and lets the threads go; its files stay. */
  async close(error: Error): Promise<void> {
    await this.#uploads.end(error);
    const open = this.#open;
    this.#open = null;
    await closeOpened(open?.builder);
    await this.#provers.rest();
  }

  /** Removes what was built of a restore. */
  async remove({ generation }: RestoreSession, error: Error): Promise<void> {
    await this.close(error);
    await this.#generations.remove(generation);
  }
}

/** A builder that could not be opened needs no closing. */
async function closeOpened(opening: Promise<GenerationBuilder> | undefined): Promise<void> {
  const builder = await opening?.catch(() => null);
  await builder?.close();
}
