/** The CPUs that `--cpu` names, and what a device tree calls them (bindings/arm/cpus.yaml). */
export const CPU_COMPATIBLE: Readonly<Record<string, string>> = {
  "cortex-a72": "arm,cortex-a72",
  max: "arm,armv8",
};

export const CPU_MODELS: readonly string[] = Object.keys(CPU_COMPATIBLE);
