import { readFileSync } from "node:fs";
import { type ChannelCredentials, credentials, Metadata } from "@grpc/grpc-js";
import { storage } from "@holdfast/api";
import { Gateways, patienceOf } from "@holdfast/coordinator";
import { HoldfastError } from "@holdfast/core";
import { callUnary, clientOptions, type UnaryMethod } from "@holdfast/rpc/client";
import type { CommandContext } from "../command-context.js";
import { fileError } from "../file-error.js";
import type { GlobalOptions } from "../global-options.js";

/** Calls methods of storage: each call within --timeout, and again until --retry-for. */
export interface StorageConnection {
  readonly client: storage.StorageServiceClient;
  /**
   * Makes a call that may be made twice.
   * @throws HoldfastError as storage sent it.
   */
  call<Req, Res>(method: UnaryMethod<Req, Res>, request: Req): Promise<Res>;
  close(): void;
}

/** Connects to storage; the connection itself is made by the first call. */
export function connectStorage(context: CommandContext): StorageConnection {
  const { options, signal, clock, output } = context;
  const client = new storage.StorageServiceClient(
    options.storage,
    credentialsOf(options),
    clientOptions(),
  );
  const metadata = metadataOf(options);
  const endpoint = { service: "storage", address: options.storage };
  const patience = patienceOf({
    clock,
    retryForMs: options.retryFor,
    signal,
    onNotice: (text) => output.notice(text),
  });
  return {
    client,
    call: (method, request) =>
      patience.retry(() =>
        callUnary(method.bind(client), request, {
          signal,
          timeoutMs: options.timeout,
          metadata,
          endpoint,
        }),
      ),
    close: () => client.close(),
  };
}

/** The gateways of --gateway; connections are made by the first calls. */
export function connectGateways({ options }: CommandContext): Gateways {
  return new Gateways({
    addresses: options.gateway,
    credentials: credentialsOf(options),
    metadata: metadataOf(options),
    timeoutMs: options.timeout,
  });
}

function credentialsOf({ ca, cert, key }: GlobalOptions): ChannelCredentials {
  if (ca === undefined && cert === undefined && key === undefined) {
    return credentials.createInsecure();
  }
  const [authority, ownKey, ownCert] = [readPem(ca), readPem(key), readPem(cert)];
  try {
    return credentials.createSsl(authority, ownKey, ownCert);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new HoldfastError(
      "INVALID_REQUEST",
      `The files of --ca, --cert and --key are not PEM, or do not go together: ${why}.`,
      { cause },
    );
  }
}

function readPem(file: string | undefined): Buffer | null {
  if (file === undefined) return null;
  try {
    return readFileSync(file);
  } catch (error) {
    throw fileError(file, error);
  }
}

function metadataOf({ token }: GlobalOptions): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}
