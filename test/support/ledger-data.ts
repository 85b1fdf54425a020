import { getGenesis } from "@ethereumjs/genesis";

/** One line of `holdfast import`. */
export interface Line {
  readonly key_hex: string;
  readonly value_hex: string | null;
}

const MAINNET = 1;

/** Ethereum's mainnet genesis allocation, address and balance, as lines of an import. */
export function genesisAllocation(): Line[] {
  const allocation = getGenesis(MAINNET);
  if (allocation === null || allocation === undefined) throw new Error("no genesis for mainnet");
  return Object.entries(allocation).map(([address, balance]) => ({
    key_hex: address.slice(2).toLowerCase(),
    value_hex: evenHex(String(balance).slice(2)),
  }));
}

/** `lines` as the text of an NDJSON file. */
export function ndjson(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** `count` changes of the accounts: new balances, and every tenth account closed. */
export function accountChanges(accounts: readonly Line[], count: number, round: number): Line[] {
  return Array.from({ length: count }, (_, index) => {
    const account = accounts[(index * 7 + round * 1_013) % accounts.length];
    if (account === undefined) throw new Error("there are no accounts");
    const balance = evenHex((BigInt(round) * 1_000_003n + BigInt(index)).toString(16));
    return { key_hex: account.key_hex, value_hex: index % 10 === 9 ? null : balance };
  });
}

function evenHex(digits: string): string {
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}
