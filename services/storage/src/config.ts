import {
  type CommonOptions,
  commonOptions,
  integer,
  type OptionSpec,
  type OptionValues,
  option,
  parseOptions,
  required,
  text,
} from "@holdfast/process";

/** Options of storage. */
export interface StorageOptions extends CommonOptions {
  readonly dataDir: OptionSpec<string>;
  readonly stateVersions: OptionSpec<number>;
  readonly ledgerVersions: OptionSpec<number>;
  readonly journalVersions: OptionSpec<number>;
  readonly diskLowBytes: OptionSpec<number>;
}

/** Their parsed values. */
export type StorageConfig = OptionValues<StorageOptions>;

/** Most versions or bytes that an option takes. */
const NUMBER_MAX: number = 2 ** 48;
const NAME = "holdfast-storage";

/** Reads flags and variables. @throws UsageError */
export function storageConfig(args?: readonly string[]): StorageConfig {
  const versions = integer(0, NUMBER_MAX);
  const program = {
    name: NAME,
    description:
      "Verifiable, versioned key-value ledger store. " +
      "`holdfast-storage fsck --data-dir <dir>` checks a stopped one.",
    options: {
      ...commonOptions("127.0.0.1:7410", "127.0.0.1:7411"),
      dataDir: dataDirOption("folder that holds the store; made when missing"),
      stateVersions: option(
        "--state-versions <n>",
        "versions whose state is kept behind the newest; 0 keeps all",
        "0",
        versions,
      ),
      ledgerVersions: option(
        "--ledger-versions <n>",
        "versions whose payload, write set and events are kept; 0 keeps all",
        "0",
        versions,
      ),
      journalVersions: option(
        "--journal-versions <n>",
        "versions that a delta can reach back; 0 keeps all",
        "10000000",
        versions,
      ),
      diskLowBytes: option(
        "--disk-low-bytes <n>",
        "free disk below which blocks and tiles are refused with DISK_LOW",
        "1073741824",
        integer(0, NUMBER_MAX),
      ),
    },
  };
  return parseOptions(program, args);
}

/** Options of `holdfast-storage fsck`. */
export interface FsckOptions {
  readonly dataDir: OptionSpec<string>;
}

/** Reads what follows `fsck`. @throws UsageError */
export function fsckConfig(args: readonly string[]): OptionValues<FsckOptions> {
  const program = {
    name: `${NAME} fsck`,
    description: "Checks a stopped store. Only reads; exit 0 when clean, 3 with what is wrong.",
    options: { dataDir: dataDirOption("folder that holds the store") },
  };
  return parseOptions(program, args);
}

function dataDirOption(description: string): OptionSpec<string> {
  return required("--data-dir <dir>", description, text);
}
