import { runProcess } from "@holdfast/process";
import { limitStreamBuffers } from "@holdfast/rpc";
import { readConfig } from "./config.js";
import { GatewayServer } from "./gateway-server.js";

limitStreamBuffers();
await runProcess({
  name: "holdfast-gateway",
  configure: () => readConfig(),
  start: (config, { logger }) => GatewayServer.start(config, { logger }),
});
