import { type Finding, verifyArchive } from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { EXIT } from "../exit-code.js";
import { findingLine, findingResult } from "../finding-result.js";
import { humanBytes } from "../human-bytes.js";
import { jobOf } from "../job.js";
import type { Plain } from "../plain.js";
import { counted } from "../plural.js";
import { leftoverResult } from "./archive-gc.js";

/** `holdfast verify`: checks every byte and every proof of an archive. */
export function addVerify(program: Command, execute: Execute): void {
  const command = addArchiveOption(program.command("verify")).description(
    "check every byte and every proof of an archive; exit 3 names all damage",
  );
  command.action(() =>
    execute(command, (context) => verify(context, command.opts<{ archive: string }>().archive)),
  );
}

/** Findings kept for the JSON object; all are counted, and printed for people. */
const FINDINGS_KEPT_MAX = 10_000;

async function verify(context: CommandContext, location: string): Promise<number | undefined> {
  const { output, progress, clock } = context;
  const start = clock.monotonicMs();
  const kept: Finding[] = [];
  const report = await verifyArchive(location, jobOf(context), (finding) => {
    output.item(findingLine(finding));
    if (kept.length < FINDINGS_KEPT_MAX) kept.push(finding);
  });
  progress.stop();
  const details: { readonly [key: string]: Plain } = {
    snapshots: report.snapshots,
    tiles_proved: report.tilesProved,
    bytes: report.bytes,
    findings: report.findings,
    damage: kept.map(findingResult),
    leftovers: report.leftovers.map(leftoverResult),
    took_seconds: (clock.monotonicMs() - start) / 1000,
  };
  const leftovers = report.leftovers.map(
    ({ kind, file, bytes }) => `leftover (${kind}): ${file}, ${humanBytes(bytes)}`,
  );
  if (report.findings === 0) {
    output.result(details, [
      ...leftovers,
      `All is whole: ${counted(report.snapshots, "snapshot")}, ${counted(report.tilesProved, "tile")} proved, ` +
        `${humanBytes(report.bytes)} read.`,
    ]);
    return undefined;
  }
  for (const line of leftovers) output.item(line);
  output.failure(
    {
      reason: "DAMAGED",
      code: "DATA_LOSS",
      message: `The archive is damaged in ${counted(report.findings, "place")}.`,
      metadata: { findings: `${report.findings}` },
      retryAfterSeconds: null,
    },
    details,
  );
  return EXIT.damaged;
}
