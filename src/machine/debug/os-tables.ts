/** Tables of `info os`: what an operating system's debugger shows of processes, this one shows of the machine. */

import { TIMER_NAMES, TIMERS } from "../../cpu/sysreg/timer-names.js";
import { type InterruptDescription, ownInterrupts } from "../../devices/gicv3/describe.js";
import { PROCESS } from "../../gdb/packet/thread-id.js";
import type { OsTable } from "../../gdb/target.js";
import type { Machine } from "../machine.js";
import { describeInterrupts } from "./interrupts.js";
import { mapsOf } from "./maps.js";
import { physicalRegions } from "./regions.js";
import { stage2Applies, Tables } from "./tables.js";
import { describeState } from "./vcpus.js";

type Row = Readonly<Record<string, string>>;

interface Source extends Omit<OsTable, "rows"> {
  /** What stands in the table when there are no rows: GDB prints nothing at all of an empty one. */
  readonly empty?: string;
  rows(machine: Machine): Row[];
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

function interruptRow(cpu: string, interrupt: InterruptDescription): Row {
  const { intid, enabled, pending, active, level, trigger, group, priority, target } = interrupt;
  const state = [enabled && "enabled", pending && "pending", active && "active", level && "line high"].filter(Boolean);
  const to = target === undefined ? cpu : typeof target === "number" ? `CPU${target}` : target;
  return {
    INTID: String(intid),
    CPU: to,
    Group: group,
    Priority: hex(priority),
    Trigger: trigger,
    State: state.join(", "),
  };
}

const SOURCES: readonly Source[] = [
  // What GDB/MI asks for before it attaches (-list-thread-groups --available), in the words that it looks for.
  {
    type: "processes",
    title: "Processes",
    description: "Listing of all processes: the machine",
    rows: ({ cores, config }) => [
      {
        pid: String(PROCESS),
        command: `${config.description.name}, ${config.cpu}`,
        cores: cores.map(({ index }) => index).join(","),
      },
    ],
  },
  {
    type: "threads",
    title: "Threads",
    description: "Listing of all threads: the vCPUs",
    rows: ({ cores, config }) =>
      cores.map(({ index }) => ({
        pid: String(PROCESS),
        command: config.description.name,
        tid: String(index + 1),
        core: String(index),
      })),
  },
  {
    type: "vcpus",
    title: "vCPUs",
    description: "Listing of all vCPUs",
    rows: (machine) =>
      machine.cores.map((core) => ({
        CPU: String(core.index),
        State: describeState(core),
        PC: hex(core.vcpu.pc),
        MPIDR: hex(machine.affinityOf(core.index)),
      })),
  },
  {
    type: "interrupts",
    title: "Interrupts",
    description: "Listing of interrupts that are enabled, pending or active",
    empty: "none is enabled, pending or active",
    rows: (machine) => {
      const { interrupts, cpus } = describeInterrupts(machine);
      const own = cpus.flatMap((cpu) => ownInterrupts(cpu).map((each) => interruptRow(`CPU${cpu.cpu}`, each)));
      return [...own, ...interrupts.map((each) => interruptRow("", each))];
    },
  },
  {
    type: "timers",
    title: "Timers",
    description: "Listing of the generic timers of every vCPU",
    rows: ({ cores }) =>
      cores.flatMap(({ index, vcpu, timer }) =>
        TIMER_NAMES.map((name) => {
          const { prefix, suffix } = TIMERS[name];
          const control = timer.readCtl(name);
          return {
            CPU: String(index),
            Timer: `${prefix}_${suffix}`,
            Enabled: (control & 1n) === 0n ? "no" : "yes",
            Masked: (control & 2n) === 0n ? "no" : "yes",
            Condition: (control & 4n) === 0n ? "no" : "met",
            CVAL: String(vcpu.sysreg(`${prefix}_CVAL_${suffix}`)),
          };
        }),
      ),
  },
  {
    type: "stage2",
    title: "Stage 2",
    description: "Listing of what stage 2 of translation maps",
    empty: "off for every vCPU as it is now, or nothing is mapped",
    rows(machine) {
      const vcpu = machine.cores.find((core) => stage2Applies(core.vcpu))?.vcpu;
      if (vcpu === undefined) return [];
      return mapsOf(new Tables(machine, vcpu), "ipa").flatMap((range) =>
        typeof range === "string"
          ? []
          : [
              {
                IPA: hex(range.start),
                End: hex(range.end - 1n),
                PA: hex(range.output),
                Attributes: range.attributes,
              },
            ],
      );
    },
  },
  {
    type: "exits",
    title: "Exits",
    description: "Listing of exits to hosted EL2 and EL3 by reason",
    empty: "none so far",
    rows: ({ hosted }) => Object.entries(hosted.counts()).map(([Reason, count]) => ({ Reason, Count: String(count) })),
  },
  {
    type: "devices",
    title: "Devices",
    description: "Listing of the physical address map",
    rows: (machine) =>
      physicalRegions(machine).map(({ name, start, length, kind }) => ({
        Name: name,
        Start: hex(start),
        Size: hex(length),
        Kind: kind,
      })),
  },
];

/** All tables; their rows are made when they are asked for. */
export function osTables(machine: Machine): OsTable[] {
  return SOURCES.map(({ empty, ...source }) => ({
    ...source,
    rows() {
      const rows = source.rows(machine);
      return rows.length > 0 || empty === undefined ? rows : [{ [source.title]: empty }];
    },
  }));
}
