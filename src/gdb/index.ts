/** What the rest of trapframe uses of the stub: a server to start, and the interface to implement for it. */

export { CORE, CoreRegister, coreFeature } from "./description/core.js";
export type { RegisterFeature, RegisterSpec, RegisterType } from "./description/feature.js";
export { FpuRegister, fpuFeature } from "./description/fpu.js";
export { pauthFeature } from "./description/pauth.js";
export { SYSTEM_GROUP, systemFeature } from "./description/system.js";
export { type Endpoint, EndpointError, formatEndpoint, parseEndpoint } from "./endpoint.js";
export { GdbServer, type GdbServerOptions, listenForGdb } from "./server.js";
export * from "./target.js";
