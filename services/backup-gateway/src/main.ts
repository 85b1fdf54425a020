import { runProcess } from "@holdfast/process";
import { calmCollector, limitStreamBuffers } from "@holdfast/rpc";
import { readConfig } from "./config.js";
import { GatewayServer } from "./gateway-server.js";

limitStreamBuffers();
calmCollector();
await runProcess({
  name: "holdfast-gateway",
  configure: () => readConfig(),
  start: (config, { logger }) => GatewayServer.start(config, { logger }),
});
