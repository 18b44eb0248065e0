/** `monitor info registers` and `monitor sysreg`: system registers by group and by name (DDI 0487, D17). */
import { TargetError } from "../../../gdb/target.js";
import { describeSyndrome } from "../catch/syndrome.js";
import { hex, type MonitorCommand, parseNumber, refuse, selected } from "./command.js";

/** Registers by what they are for. A register is in every group whose pattern its name matches. */
const GROUPS: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "id", pattern: /^(ID_|MIDR|MPIDR|REVIDR|AIDR|MVFR|CTR_|CLIDR|CCSIDR|DCZID|VPIDR|VMPIDR)/ },
  { name: "control", pattern: /^(SCTLR|ACTLR|CPACR|HCR|SCR|MDCR|CPTR|HSTR|HACR)_/ },
  { name: "translation", pattern: /^(V?TTBR|V?TCR|A?MAIR|CONTEXTIDR|PAR_|LOR)/ },
  { name: "exception", pattern: /^(SPSR|ELR|ESR|FAR|HPFAR|VBAR|RVBAR|AFSR|ISR)/ },
  { name: "thread", pattern: /^(TPIDR|SP_EL)/ },
  { name: "pstate", pattern: /^(SPSel|CurrentEL|NZCV|DAIF|PAN|UAO|DIT|SSBS)$/ },
  { name: "timer", pattern: /^CNT/ },
  { name: "gic", pattern: /^(ICC|ICH)_/ },
  { name: "debug", pattern: /^(DBG|MD[SCR]|OS)/ },
  { name: "pmu", pattern: /^PM/ },
  { name: "pauth", pattern: /^AP[IDG][AB]?Key/ },
];

export const infoRegisters: MonitorCommand = {
  name: "info registers",
  usage: `[${GROUPS.map(({ name }) => name).join("|")}]`,
  help: "the system registers of a group that are not zero, or of all",
  example: "monitor info registers translation",
  arguments: [0, 1],
  run(context, [wanted]) {
    const { vcpu } = selected(context);
    const group = GROUPS.find(({ name }) => name === wanted);
    if (wanted !== undefined && group === undefined) {
      return refuse(`no group "${wanted}"; there are ${GROUPS.map(({ name }) => name).join(", ")}`);
    }
    const lines: string[] = [];
    context.system.feature.registers.forEach(({ name }, index) => {
      if (group !== undefined && !group.pattern.test(name)) return;
      const value = context.system.read(vcpu, context.system.at(index));
      if (value instanceof TargetError || (group === undefined && value === 0n)) return;
      lines.push(`${name.padEnd(18)} ${hex(value, 16)}`);
    });
    return lines;
  },
};

export const sysreg: MonitorCommand = {
  name: "sysreg",
  usage: "NAME [VALUE]",
  help: "a system register by name, write-only ones and _EL12 names too; with a value it is written",
  example: "monitor sysreg HCR_EL2",
  arguments: [1, 2],
  run(context, [name = "", text]) {
    const { vcpu } = selected(context);
    const row = context.system.find(name);
    if (row instanceof TargetError) return row;
    if (text !== undefined) {
      const value = parseNumber(text);
      if (value instanceof TargetError) return value;
      const refusal = context.system.write(vcpu, row, value);
      if (refusal !== undefined) return refusal;
      return [`${row.name} written; GDB shows it after: maintenance flush register-cache`];
    }
    const value = context.system.read(vcpu, row);
    if (value instanceof TargetError) return value;
    const words = row.name.startsWith("ESR_EL") ? [`  ${describeSyndrome(value)}`] : [];
    return [`${row.name} = ${hex(value, 16)}`, ...words];
  },
};
