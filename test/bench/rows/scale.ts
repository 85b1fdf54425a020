import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startCli } from "../../support/processes.js";
import { type Peaks, peaksWhile } from "../memory.js";
import { Pair } from "../pair.js";
import { quiet } from "../quiet.js";
import { type Row, round } from "../table.js";

/** A proved full backup of some number of items, and its verified restore. */
export interface Scale {
  readonly items: number;
  readonly backup: Measured;
  readonly restore: Measured;
}

interface Measured {
  readonly seconds: number;
  readonly peaks: Peaks;
}

/**
 * Takes a backup of the stopped pair `name` and restores it into an empty pair. The services are
 * started for this, so that their memory is of this work. Backups of `warmItems` in all do not count:
 * services that are still compiling are slow, which at the small scale only would make the growth
 * look smaller. (A restore is always into a pair that was just started.)
 */
export async function measureScale(
  folder: string,
  name: string,
  items: number,
  warmItems: number,
): Promise<Scale> {
  const [first, archive] = [join(folder, `first-${items}`), join(folder, `scale-${items}`)];
  const pair = await Pair.start(folder, name);
  for (let warm = 0; warm < warmItems; warm += items) {
    await run(pair, ["backup", "state", "--archive", first]);
    await rm(first, { recursive: true });
  }
  await quiet();
  const backup = await run(pair, ["backup", "state", "--archive", archive]);
  await pair.stop();
  const target = await Pair.start(folder, `scaled-${items}`);
  await quiet();
  const restore = await run(target, ["restore", "--archive", archive]);
  await target.stop();
  await rm(join(folder, `scaled-${items}`), { recursive: true });
  await rm(archive, { recursive: true });
  return { items, backup, restore };
}

/** How time and memory grow from one scale to ten times as much. */
export function scaleRows(small: Scale, large: Scale): Row[] {
  const rows: Row[] = [];
  for (const work of ["backup", "restore"] as const) {
    const [few, many] = [small[work], large[work]];
    rows.push({
      work: `10 x the items: proved ${work}, time`,
      measured: `${round(many.seconds)} s, ${round(few.seconds)} s`,
      figure: many.seconds / few.seconds,
      unit: "x",
      better: "smaller",
      owed: 11,
      stretch: 11,
    });
    const grown = Object.entries(many.peaks).map(([name, peak]) => ({
      name,
      mib: (peak - (few.peaks[name] ?? 0)) / 2 ** 20,
    }));
    rows.push({
      work: `10 x the items: proved ${work}, memory peak`,
      measured: grown.map(({ name, mib }) => `${name} ${round(mib)}`).join(", "),
      figure: Math.max(...grown.map(({ mib }) => mib)),
      unit: "MiB more",
      better: "smaller",
      owed: 64,
      stretch: 64,
    });
  }
  return rows;
}

async function run(pair: Pair, args: readonly string[]): Promise<Measured> {
  const cli = startCli(["--json", "--gateway", pair.gateway.listen, ...args]);
  const pids = {
    storage: pair.storage.process.pid,
    gateway: pair.gateway.process.pid,
    cli: cli.process.pid,
  };
  const { result, peaks } = await peaksWhile(pids, () => cli.result);
  if (result.code !== 0) throw new Error(`holdfast ${args.join(" ")}: ${result.stderr}`);
  // From the first request on: a start of the CLI takes the same at every scale.
  return { seconds: Number(result.json["took_seconds"]), peaks };
}
