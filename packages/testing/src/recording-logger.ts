import type { LogFields, Logger } from "@holdfast/core";

/** One line that was logged. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
  readonly message: string;
}

/** Keeps what is logged, for assertions. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = [];

  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: "debug", fields, message });
  }
  info(fields: LogFields, message: string): void {
    this.lines.push({ level: "info", fields, message });
  }
  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: "warn", fields, message });
  }
  error(fields: LogFields, message: string): void {
    this.lines.push({ level: "error", fields, message });
  }

  /** Lines of one level. */
  of(level: LogLine["level"]): readonly LogLine[] {
    return this.lines.filter((line) => line.level === level);
  }
}
