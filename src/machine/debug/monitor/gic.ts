/** `monitor gic`: the interrupt controller's state (IHI 0069). */
import { type InterruptDescription, ownInterrupts } from "../../../devices/gicv3/describe.js";
import type { ItsDescription } from "../../../devices/gicv3/index.js";
import { describeInterrupts } from "../interrupts.js";
import { hex, type MonitorCommand } from "./command.js";

function line({
  intid,
  enabled,
  pending,
  active,
  level,
  trigger,
  group,
  priority,
  target,
}: InterruptDescription): string {
  const state = [enabled && "enabled", pending && "pending", active && "active", level && "line high"];
  const to = target === undefined ? "" : `, to ${typeof target === "number" ? `CPU${target}` : target}`;
  return `  INTID ${String(intid).padEnd(4)} group ${group.padEnd(3)} priority ${hex(priority, 2)} ${trigger}${to}: ${state.filter(Boolean).join(", ")}`;
}

function itsLines({ enabled, collections, devices, more }: ItsDescription): string[] {
  return [
    `ITS: ${enabled ? "enabled" : "disabled"}${collections.map(({ icid, cpu }) => `, ICID ${icid} is CPU${cpu}`).join("")}`,
    ...devices.flatMap(({ deviceId, itt, eventBits, events }) => [
      `  DeviceID ${hex(deviceId)}: ${eventBits} bits of EventID, table at ${hex(itt)}`,
      ...events.map(({ eventId, intid, icid, cpu }) => {
        const to = cpu === undefined ? "which is not mapped" : `to CPU${cpu}`;
        return `    EventID ${eventId}: INTID ${intid}, ICID ${icid}, ${to}`;
      }),
    ]),
    ...(more ? ["  and more that is not listed"] : []),
  ];
}

export const gic: MonitorCommand = {
  name: "gic",
  help: "interrupts that are enabled, pending or active; CPU interfaces, list registers, what the ITS maps",
  example: "monitor gic",
  run({ machine }) {
    const { securityStates, groupsEnabled, interrupts, cpus, its } = describeInterrupts(machine);
    const groups = groupsEnabled.length === 0 ? "none" : groupsEnabled.join(", ");
    return [
      `distributor: ${securityStates} security state${securityStates === 1 ? "" : "s"}, groups enabled: ${groups}`,
      ...interrupts.map(line),
      ...cpus.flatMap((description) => {
        const { cpu, priorityMask, runningPriority, signalled, virtual } = description;
        const signals = signalled === undefined ? "nothing" : `group ${signalled}`;
        return [
          `CPU${cpu}: PMR ${hex(priorityMask, 2)}, running priority ${hex(runningPriority, 2)}, signals ${signals}`,
          ...ownInterrupts(description).map(line),
          ...(virtual.enabled
            ? [`  virtual: PMR ${hex(virtual.priorityMask, 2)}, running priority ${hex(virtual.runningPriority, 2)}`]
            : []),
          ...virtual.listRegisters
            .filter(({ state }) => state !== "invalid")
            .map(({ index, state, vintid, group, priority, pintid }) => {
              const hardware = pintid === undefined ? "" : `, physical INTID ${pintid}`;
              return `  LR${index}: INTID ${vintid} group ${group} priority ${hex(priority, 2)} ${state}${hardware}`;
            }),
        ];
      }),
      ...(its === undefined ? [] : itsLines(its)),
    ];
  },
};
