// Generated code, one namespace for each proto file. Nothing else is written by hand here.

export * as googleProtobufAny from "./gen/google/protobuf/any.js";
export * as googleProtobufDuration from "./gen/google/protobuf/duration.js";
export * as googleProtobufTimestamp from "./gen/google/protobuf/timestamp.js";
export * as googleRpcErrorDetails from "./gen/google/rpc/error_details.js";
export * as googleRpcStatus from "./gen/google/rpc/status.js";
export * as grpcHealthV1 from "./gen/grpc/health/v1/health.js";
export * as grpcReflectionV1 from "./gen/grpc/reflection/v1/reflection.js";
export * as grpcReflectionV1Alpha from "./gen/grpc/reflection/v1alpha/reflection.js";
export * as backup from "./gen/holdfast/backup/v1/backup.js";
export * as lease from "./gen/holdfast/backup/v1/lease.js";
export * as restore from "./gen/holdfast/backup/v1/restore.js";
export * as storage from "./gen/holdfast/storage/v1/storage.js";
export * as errors from "./gen/holdfast/types/v1/errors.js";
export * as types from "./gen/holdfast/types/v1/state.js";
