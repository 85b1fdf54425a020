import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../support/repository.js";

/** One measured row of the table of docs/operations.md. */
export interface Row {
  readonly work: string;
  /** What was measured, for a person. */
  readonly measured: string;
  /** What etcd needed, where it is named. */
  readonly etcd?: string;
  /** The figure that is compared with owed and stretch. */
  readonly figure: number;
  readonly unit: string;
  /** Whether a smaller or a larger figure is better. */
  readonly better: "smaller" | "larger";
  readonly owed: number;
  readonly stretch: number;
}

/** A row that could not be measured, and why. */
export interface SkippedRow {
  readonly work: string;
  readonly reason: string;
}

export function met(row: Row, bound: number): boolean {
  return row.better === "smaller" ? row.figure <= bound : row.figure >= bound;
}

/** Prints the rows and writes them as JSON below bench-results/. */
export async function report(
  rows: readonly Row[],
  skipped: readonly SkippedRow[],
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const header = ["work", "measured", "etcd", "figure", "owed", "stretch", ""];
  const lines = rows.map((row) => {
    const sign = row.better === "smaller" ? "<=" : ">=";
    const verdict = met(row, row.stretch) ? "stretch" : met(row, row.owed) ? "owed" : "MISSED";
    return [
      row.work,
      row.measured,
      row.etcd ?? "",
      `${round(row.figure)} ${row.unit}`,
      `${sign} ${row.owed}`,
      `${sign} ${row.stretch}`,
      verdict,
    ];
  });
  const widths = header.map((_, column) =>
    Math.max(...[header, ...lines].map((line) => (line[column] ?? "").length)),
  );
  for (const line of [header, widths.map((width) => "-".repeat(width)), ...lines]) {
    print(line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  }
  for (const row of skipped) print(`not measured: ${row.work}: ${row.reason}`);
  const folder = join(ROOT, "bench-results");
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${new Date().toISOString().replaceAll(":", "-")}.json`);
  await writeFile(file, `${JSON.stringify({ facts, rows, skipped }, null, 2)}\n`);
  print(`written to ${file}`);
}

export function print(line: string): void {
  process.stdout.write(`${line.trimEnd()}\n`);
}

export function round(figure: number): string {
  return figure >= 1000 ? Math.round(figure).toLocaleString("en") : figure.toPrecision(3);
}

/** Middle of the figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
