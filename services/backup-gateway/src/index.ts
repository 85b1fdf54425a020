export { type GatewayConfig, readConfig } from "./config.js";
export { type GatewayHost, GatewayServer } from "./gateway-server.js";
