// A service that does nothing but live and die as told by its first argument.
import { setTimeout as delay } from "node:timers/promises";
import { formatAddress } from "../address.js";
import { AdminServer } from "../admin-server.js";
import { Metrics } from "../metrics.js";
import { option, parseOptions, text } from "../options.js";
import { runProcess } from "../run-process.js";
import { commonOptions } from "../service-options.js";

await runProcess({
  name: "sample",
  configure: () =>
    parseOptions({
      name: "sample",
      description: "A sample.",
      options: {
        ...commonOptions("127.0.0.1:0", "127.0.0.1:0"),
        mode: option("--mode <mode>", "how it behaves", "good", text),
      },
    }),
  start: async (config, { logger, fatal }) => {
    if (config.mode === "start-fails") throw new Error("no engine");
    if (config.mode === "start-hangs") {
      logger.info({}, "start begins");
      await new Promise<never>(() => undefined);
    }
    const admin = new AdminServer(new Metrics("storage"), () => []);
    const bound = await admin.start(config.adminListen);
    if (config.mode === "rejects") setTimeout(() => void Promise.reject(new Error("lost")), 1);
    if (config.mode === "fatal") setTimeout(() => fatal(new Error("engine"), "engine failed"), 1);
    return {
      listen: formatAddress(config.listen),
      admin: bound,
      drain: async (hurry) => {
        logger.info({}, "drain begins");
        if (config.mode === "slow") await delay(600_000, null, { signal: hurry }).catch(() => null);
      },
      stop: async () => {
        await admin.stop();
        logger.info({}, "stopped");
      },
    };
  },
});
