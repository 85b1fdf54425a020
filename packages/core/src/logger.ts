/** Fields of a log line; values are plain data. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A JSON logger; pino in the services, recorded in tests. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
