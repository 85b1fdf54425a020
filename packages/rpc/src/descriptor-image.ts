import { readFileSync } from "node:fs";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** The committed image of the contract with all its imports, made by `make generate`. */
export const IMAGE_URL: URL = new URL("../../../proto/image.binpb", import.meta.url);

/** One file of a descriptor image. */
export interface DescriptorFile {
  readonly name: string;
  /** The FileDescriptorProto as it stands in the image. */
  readonly bytes: Buffer;
  readonly dependencies: readonly string[];
  /** Full names of all it declares: messages, fields, enums, values, services, methods. */
  readonly symbols: readonly string[];
}

/** Reads an image (`buf build -o`): its files by name. */
export function readImage(url: URL = IMAGE_URL): ReadonlyMap<string, DescriptorFile> {
  const image = readFileSync(url);
  const files = [...fields(image)]
    .filter((field) => field.no === 1)
    .map(({ bytes }) => fileOf(bytes));
  return new Map(files.map((file) => [file.name, file]));
}

// Field numbers of google/protobuf/descriptor.proto.
const FILE = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6, extension: 7 };
const MESSAGE = { name: 1, field: 2, nested: 3, enum: 4, extension: 6, oneof: 8 };
const MEMBERS = 2; // EnumDescriptorProto.value, ServiceDescriptorProto.method

function fileOf(bytes: Buffer): DescriptorFile {
  const all = [...fields(bytes)];
  const texts = (no: number): string[] =>
    all.filter((f) => f.no === no).map((f) => f.bytes.toString());
  const scope = texts(FILE.package)[0] ?? "";
  const symbols = all.flatMap((field) => {
    if (field.no === FILE.message) return messageSymbols(field.bytes, scope);
    if (field.no === FILE.enum || field.no === FILE.service)
      return memberSymbols(field.bytes, scope);
    return field.no === FILE.extension ? [nameIn(field.bytes, scope)] : [];
  });
  return {
    name: texts(FILE.name)[0] ?? "",
    bytes: Buffer.from(bytes),
    dependencies: texts(FILE.dependency),
    symbols,
  };
}

function messageSymbols(bytes: Buffer, scope: string): string[] {
  const name = nameIn(bytes, scope);
  const inner = [...fields(bytes)].flatMap((field) => {
    if (field.no === MESSAGE.nested) return messageSymbols(field.bytes, name);
    if (field.no === MESSAGE.enum) return memberSymbols(field.bytes, name);
    const isLeaf = [MESSAGE.field, MESSAGE.extension, MESSAGE.oneof].includes(field.no);
    return isLeaf ? [nameIn(field.bytes, name)] : [];
  });
  return [name, ...inner];
}

function memberSymbols(bytes: Buffer, scope: string): string[] {
  const name = nameIn(bytes, scope);
  const members = [...fields(bytes)].filter((field) => field.no === MEMBERS);
  return [name, ...members.map((member) => nameIn(member.bytes, name))];
}

function nameIn(bytes: Buffer, scope: string): string {
  const name =
    [...fields(bytes)].find((field) => field.no === MESSAGE.name)?.bytes.toString() ?? "";
  return scope === "" ? name : `${scope}.${name}`;
}

/** The length-delimited fields of a message, in order. */
function* fields(message: Buffer): Generator<{ readonly no: number; readonly bytes: Buffer }> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) yield { no, bytes: Buffer.from(reader.bytes()) };
    else reader.skip(wireType);
  }
}
