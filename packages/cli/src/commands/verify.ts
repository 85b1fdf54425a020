import {
  type Finding,
  type LeftOut,
  type VerifyReport,
  verifyArchive,
} from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { EXIT, exitCodeOf } from "../exit-code.js";
import { type Failure, failureOf } from "../failure.js";
import { findingLine, findingResult } from "../finding-result.js";
import { humanBytes } from "../human-bytes.js";
import { jobOf } from "../job.js";
import { newerResult } from "../newer-result.js";
import type { Plain } from "../plain.js";
import { counted } from "../plural.js";
import { leftoverResult } from "./archive-gc.js";

/** `holdfast verify`: checks every byte and every proof of an archive. */
export function addVerify(program: Command, execute: Execute): void {
  const command = addArchiveOption(program.command("verify")).description(
    "check every byte and every proof of an archive; exit 3 names all damage, 1 what is too new",
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
    newer: report.newer.map(newerResult),
    damage: kept.map(findingResult),
    leftovers: report.leftovers.map(leftoverResult),
    took_seconds: (clock.monotonicMs() - start) / 1000,
  };
  const leftovers = report.leftovers.map(
    ({ kind, file, bytes }) => `leftover (${kind}): ${file}, ${humanBytes(bytes)}`,
  );
  const [newer] = report.newer;
  if (report.findings === 0 && newer === undefined) {
    output.result(details, [...leftovers, `All is whole: ${checked(report)}.`]);
    return undefined;
  }
  for (const line of leftovers) output.item(line);
  for (const { error } of report.newer) output.item(error.message);
  // Damage is worse than what a newer Holdfast can read.
  if (report.findings > 0 || newer === undefined) {
    output.failure(damaged(report), details);
    return EXIT.damaged;
  }
  output.failure(partlyChecked(report, newer), details);
  return exitCodeOf(newer.error);
}

function damaged({ findings }: VerifyReport): Failure {
  return {
    reason: "DAMAGED",
    code: "DATA_LOSS",
    message: `The archive is damaged in ${counted(findings, "place")}.`,
    metadata: { findings: `${findings}` },
    retryAfterSeconds: null,
  };
}

function partlyChecked(report: VerifyReport, { error }: LeftOut): Failure {
  const message =
    `Not verified: ${counted(report.newer.length, "snapshot")} of a newer format. ` +
    `The rest is whole: ${checked(report)}. Use a newer Holdfast.`;
  return { ...failureOf(error), message };
}

function checked({ snapshots, tilesProved, bytes }: VerifyReport): string {
  return (
    `${counted(snapshots, "snapshot")}, ${counted(tilesProved, "tile")} proved, ` +
    `${humanBytes(bytes)} read`
  );
}
