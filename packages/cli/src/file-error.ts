/** What the system calls by a code only. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of its path is no folder",
  EISDIR: "it is a folder",
  EACCES: "this user may not",
};

/** A file named on the command line that cannot be read. */
export class FileError extends Error {
  override readonly name: string = "FileError";
  readonly file: string;
  /** Name of the system's error, `ENOENT`. */
  readonly errno: string;

  constructor(file: string, cause: NodeJS.ErrnoException) {
    const errno = cause.code ?? "";
    const name = file === "-" ? "standard input" : file;
    super(`Cannot read ${name}: ${REASONS[errno] ?? cause.message}.`, { cause });
    this.file = file;
    this.errno = errno;
  }
}

/** The error of reading a file as a FileError, if it came from the system. */
export function fileError(file: string, error: unknown): unknown {
  return isSystems(error) ? new FileError(file, error) : error;
}

function isSystems(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === "number";
}
