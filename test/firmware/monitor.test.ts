/**
 * The secure monitor (firmware/monitor) from reset in flash at EL3: both worlds' views of the GIC and of memory, the
 * Secure timer, the routing of every group, calls between the worlds, and PSCI of its own for two CPUs.
 */
import { type Comparison, compareGuest } from "./compare.js";

const RUN: Comparison = {
  level: 3,
  cpu: "cortex-a72",
  cpus: 2,
  flash: true,
  deviations: [{ line: / at EL2: EL2\+200 esr=96000010/, why: "ISV is set for an abort that EL2 takes from itself" }],
};

compareGuest("monitor", "a secure monitor of our own", [RUN]);
