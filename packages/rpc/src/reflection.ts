import { type handleBidiStreamingCall, status } from "@grpc/grpc-js";
import type { grpcReflectionV1 } from "@holdfast/api";
import { partsOf } from "./client-streaming.js";
import type { DescriptorFile } from "./descriptor-image.js";
import { serverCallOf } from "./server-call.js";

type Request = grpcReflectionV1.ServerReflectionRequest;
type Response = grpcReflectionV1.ServerReflectionResponse;
type Answer = NonNullable<Response["messageResponse"]>;

/** One stream answers at most this many requests; tools ask a few dozen. */
const REQUESTS_MAX = 1_000;

/**
 * Server reflection from a descriptor image, file by file and unmodified: the usual package
 * re-encodes files without their imports, which breaks `buf curl` (grpc-node#3018). v1 and
 * v1alpha are equal on the wire.
 * @param services full names, as `list_services` answers.
 */
export class Reflection {
  readonly #files: ReadonlyMap<string, DescriptorFile>;
  readonly #bySymbol: Map<string, DescriptorFile> = new Map();
  readonly #services: () => readonly string[];

  constructor(files: ReadonlyMap<string, DescriptorFile>, services: () => readonly string[]) {
    this.#files = files;
    this.#services = services;
    for (const file of files.values()) {
      for (const symbol of file.symbols) this.#bySymbol.set(symbol, file);
    }
  }

  /** The one method of the reflection services. */
  readonly handler: handleBidiStreamingCall<Request, Response> = (stream) => {
    const call = serverCallOf(stream.metadata);
    call.run(async () => {
      let count = 0;
      for await (const request of partsOf<Request>(call, stream)) {
        await call.send(this.answer(request));
        count += 1;
        if (count === REQUESTS_MAX) break;
      }
      call.succeed();
    });
  };

  /** Answers one request. */
  answer(request: Request): Response {
    return {
      validHost: request.host,
      originalRequest: request,
      messageResponse: this.#messageOf(request.messageRequest),
    };
  }

  #messageOf(request: Request["messageRequest"]): Answer {
    switch (request?.$case) {
      case "listServices":
        return {
          $case: "listServicesResponse",
          value: { service: this.#services().map((name) => ({ name })) },
        };
      case "fileByFilename":
        return this.#fileAnswer(this.#files.get(request.value), request.value);
      case "fileContainingSymbol":
        return this.#fileAnswer(this.#bySymbol.get(request.value), request.value);
      case "allExtensionNumbersOfType":
        if (!this.#bySymbol.has(request.value)) return notFound(request.value);
        return {
          $case: "allExtensionNumbersResponse",
          value: { baseTypeName: request.value, extensionNumber: [] },
        };
      case "fileContainingExtension":
        return notFound(request.value.containingType);
      default:
        return failure(status.INVALID_ARGUMENT, "message_request is not set");
    }
  }

  /** The file and all it imports, imports last, each once. */
  #fileAnswer(file: DescriptorFile | undefined, asked: string): Answer {
    if (file === undefined) return notFound(asked);
    const found = new Set([file]);
    for (const each of found) {
      for (const name of each.dependencies) {
        const dependency = this.#files.get(name);
        if (dependency !== undefined) found.add(dependency);
      }
    }
    const fileDescriptorProto = [...found].map((each) => each.bytes);
    return { $case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  }
}

function notFound(what: string): Answer {
  return failure(status.NOT_FOUND, `not found: ${what}`);
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}
