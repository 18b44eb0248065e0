/**
 * `qGetTLSAddr:THREAD,OFFSET,LM`: a thread-local variable of the program that runs on a vCPU (GDB manual, "General Query
 * Packets"). In AArch64's variant 1 of thread-local storage TPIDR_EL0 points to a block of two words, behind which the
 * executable's own variables lie (AAELF64, "Thread Local Storage"). What libraries have is known to their C library only.
 */

import { parseThreadId } from "../packet/thread-id.js";
import type { Session } from "../session.js";
import { Errno, TargetError } from "../target.js";
import { command, invalid, type Reply } from "./command.js";

/** The thread control block: two words. */
const CONTROL_BLOCK = 16n;
/** `l_prev` of System V's `struct link_map { l_addr, l_name, l_ld, l_next, l_prev }`. */
const PREVIOUS = 32n;

export const qGetTLSAddr = command({
  name: "qGetTLSAddr",
  observers: true,
  parse(args) {
    args.expect(":");
    const thread = parseThreadId(args);
    args.expect(",");
    const offset = args.address();
    args.expect(",");
    return { thread, offset, linkMap: args.address() };
  },
  handle(session, { thread, offset, linkMap }): Reply {
    const vcpu = thread.kind === "vcpu" ? thread.vcpu : session.general;
    if (session.target.vcpus()[vcpu] === undefined) return new TargetError(Errno.ESRCH, "no such thread");
    const slot = session.registers.slots.find(({ name }) => name === "TPIDR_EL0");
    if (slot === undefined) return invalid("the machine has no register TPIDR_EL0");
    const value = session.target.readRegister(vcpu, slot.feature, slot.index);
    if (value instanceof TargetError) return value;
    const pointer = little(value);
    if (pointer === 0n) return invalid("TPIDR_EL0 is 0: no thread has set its thread-local storage up");
    const module = linkMap === 0n ? 0n : previous(session, vcpu, linkMap);
    if (module instanceof TargetError) return module;
    if (module !== 0n)
      return invalid("thread-local storage of a library: only the executable's is where it can be found");
    return BigInt.asUintN(64, pointer + CONTROL_BLOCK + offset).toString(16);
  },
});

/** The link map before; 0 for the executable's, which is the first. */
function previous({ target }: Session, vcpu: number, linkMap: bigint): bigint | TargetError {
  const bytes = target.readMemory(vcpu, BigInt.asUintN(64, linkMap + PREVIOUS), 8);
  if (bytes instanceof TargetError) return bytes;
  return bytes.length === 8 ? little(bytes) : invalid("the link map cannot be read");
}

function little(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
