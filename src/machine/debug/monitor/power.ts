/**
 * `monitor power` and `monitor inject`: what firmware and the outside world may do to vCPUs (DEN0022; IHI 0069, 12.9).
 */
import { TargetError } from "../../../gdb/target.js";
import { gicOf } from "../../description.js";
import { hex, type MonitorCommand, type MonitorContext, parseNumber, refuse, selected } from "./command.js";

function parseCpu({ machine }: MonitorContext, text: string): number | TargetError {
  const cpu = parseNumber(text);
  if (cpu instanceof TargetError) return cpu;
  const count = machine.cores.length;
  return cpu < BigInt(count) ? Number(cpu) : refuse(`there is no CPU${cpu}: the machine has ${count}, from 0`);
}

export const powerOff: MonitorCommand = {
  name: "power off",
  usage: "CPU",
  help: "switches a vCPU off, as PSCI CPU_OFF does",
  example: "monitor power off 1",
  arguments: [1, 1],
  run(context, [text = ""]) {
    const cpu = parseCpu(context, text);
    if (cpu instanceof TargetError) return cpu;
    if (context.machine.hosted.stateOf(cpu) === "off") return refuse(`CPU${cpu} is off already`);
    context.machine.hosted.cpuOff(cpu);
    return [`CPU${cpu} is off`];
  },
};

export const powerOn: MonitorCommand = {
  name: "power on",
  usage: "CPU ENTRY [CONTEXT]",
  help: "switches a vCPU on at an entry point with X0 = CONTEXT, as PSCI CPU_ON does",
  example: "monitor power on 1 0x40080000",
  arguments: [2, 3],
  run(context, [text = "", entryText = "", contextText = "0"]) {
    const cpu = parseCpu(context, text);
    if (cpu instanceof TargetError) return cpu;
    const entry = parseNumber(entryText);
    if (entry instanceof TargetError) return entry;
    const value = parseNumber(contextText);
    if (value instanceof TargetError) return value;
    const { hosted } = context.machine;
    if (hosted.stateOf(cpu) === "on") return refuse(`CPU${cpu} is on already`);
    if (!hosted.isExecutable(entry)) return refuse(`${hex(entry)}: no RAM at this physical address to start in`);
    hosted.cpuOn(cpu, { entry, context: value });
    return [`CPU${cpu} is on, at ${hex(entry)}`];
  },
};

export const powerKey: MonitorCommand = {
  name: "power key",
  help: "presses the power key, as a person would; what follows is the guest's to do",
  example: "monitor power key",
  run: ({ machine }) =>
    machine.pressPowerKey()
      ? ["the power key is pressed, for a tenth of a second of the guest's time"]
      : refuse(`power key: ${machine.config.description.name} has none`),
};

/** What QEMU's monitor calls it. */
export const systemPowerdown: MonitorCommand = {
  ...powerKey,
  name: "system_powerdown",
  help: "the same as power key",
  example: "monitor system_powerdown",
};

/** GICD_ISPENDR<n> and GICR_ISPENDR0; the SGI frame of a redistributor; its size. */
const ISPENDR = 0x200;
const SGI_FRAME = 0x1_0000;
const REDISTRIBUTOR = 0x2_0000;
const FIRST_SPI = 32n;
const FIRST_LPI = 8192n;

export const injectIrq: MonitorCommand = {
  name: "inject irq",
  usage: "INTID",
  help: "makes an interrupt pending, an SGI, PPI or LPI for the selected vCPU; it is taken where it is enabled",
  example: "monitor inject irq 33",
  arguments: [1, 1],
  run(context, [text = ""]) {
    const intid = parseNumber(text);
    if (intid instanceof TargetError) return intid;
    const { machine, vcpu } = context;
    const { distributor, redistributors, spis } = gicOf(machine.config.description);
    if (intid >= FIRST_LPI) {
      const why = machine.platform.gic.whyNoLpi(vcpu, Number(intid));
      if (why !== undefined) return refuse(`INTID ${intid}: CPU${vcpu} cannot have it pending: ${why}`);
      machine.platform.gic.setLpi(vcpu, Number(intid), true);
      return [`INTID ${intid} is pending`];
    }
    if (intid >= FIRST_SPI + BigInt(spis)) {
      return refuse(`INTID ${intid}: the GIC has 0 to ${31 + spis}, and LPIs from ${FIRST_LPI}`);
    }
    const frame = intid < FIRST_SPI ? redistributors.base + vcpu * REDISTRIBUTOR + SGI_FRAME : distributor.base;
    const register = frame + ISPENDR + 4 * Number(intid / 32n);
    const fault = machine.platform.bus.write(register, 4, 1n << (intid % 32n), true);
    return fault === undefined ? [`INTID ${intid} is pending`] : refuse(fault.reason);
  },
};

/** HCR_EL2.{AMO, VSE}. */
const VIRTUAL_SERROR = (1n << 5n) | (1n << 8n);

export const injectSerror: MonitorCommand = {
  name: "inject serror",
  help: "makes a virtual SError pending for EL1 of the selected vCPU (HCR_EL2.VSE); taken once PSTATE.A is clear",
  example: "monitor inject serror",
  run(context) {
    const { vcpu } = selected(context);
    if (!vcpu.controls.el2)
      return refuse("inject serror: EL2 is not enabled in this Security state, so EL1 has no virtual SError");
    const row = context.system.find("HCR_EL2");
    if (row instanceof TargetError) return row;
    return context.system.write(vcpu, row, vcpu.sysreg("HCR_EL2") | VIRTUAL_SERROR) ?? ["a virtual SError is pending"];
  },
};
