/** `g`, `G`, `p`, `P`: registers of the selected vCPU, as hexadecimal in target byte order (GDB manual, "Packets"). */

import type { RegisterSlot } from "../description/registers.js";
import { hex } from "../packet/hex.js";
import { HexBytes } from "../packet/hex-packet.js";
import type { Session } from "../session.js";
import { Errno, TargetError } from "../target.js";
import { collectedRegister, generalOf, selectedFrame } from "../tracepoints/registers.js";
import { command, invalid, nothing, OK, type Reply } from "./command.js";

export const readAll = command({
  name: "g",
  observers: true,
  parse: nothing,
  handle(session) {
    session.hasReadAll = true;
    const frame = selectedFrame(session);
    if (frame !== undefined) return generalOf(session, frame);
    const block = session.target.readGeneral?.(session.general);
    if (block !== undefined) return new HexBytes(block);
    const { general } = session.registers;
    const values = general.map((slot) => readSlot(session, slot));
    if (values.every((value) => value !== undefined)) return new HexBytes(Buffer.concat(values));
    return general.map(({ size }, n) => (values[n] ? hex(values[n]) : "xx".repeat(size))).join("");
  },
});

export const writeAll = command({
  name: "G",
  parse: (args) => args.hexBytes(),
  handle(session, block): Reply {
    const { general, generalSize } = session.registers;
    if (block.length !== generalSize) {
      return invalid(`G carries ${block.length} bytes of registers; the description has ${generalSize}`);
    }
    let at = 0;
    let refusal: TargetError | undefined;
    for (const slot of general) {
      refusal ??= writeSlot(session, slot, block.subarray(at, at + slot.size));
      at += slot.size;
    }
    return refusal ?? OK;
  },
});

export const readOne = command({
  name: "p",
  observers: true,
  words: true,
  parse: (args) => args.count(),
  handle(session, number): Reply {
    const slot = session.registers.slots[number];
    if (slot === undefined) return noSuchRegister(number);
    const frame = selectedFrame(session);
    if (frame !== undefined) return collectedRegister(session, frame, number) ?? "xx".repeat(slot.size);
    const value = session.target.readRegister(session.general, slot.feature, slot.index);
    return value instanceof TargetError ? value : hex(value);
  },
});

export const writeOne = command({
  name: "P",
  words: true,
  parse(args) {
    const number = args.count();
    args.expect("=");
    return { number, value: args.hexBytes() };
  },
  handle(session, { number, value }): Reply {
    const slot = session.registers.slots[number];
    if (slot === undefined) return noSuchRegister(number);
    if (value.length !== slot.size) return invalid(`${slot.name} has ${slot.size} bytes, not ${value.length}`);
    return writeSlot(session, slot, value) ?? OK;
  },
});

function readSlot({ target, general }: Session, { feature, index }: RegisterSlot): Uint8Array | undefined {
  const value = target.readRegister(general, feature, index);
  return value instanceof TargetError ? undefined : value;
}

function writeSlot({ target, general }: Session, slot: RegisterSlot, value: Uint8Array): TargetError | undefined {
  return target.writeRegister(general, slot.feature, slot.index, value);
}

function noSuchRegister(number: number): TargetError {
  return new TargetError(Errno.EINVAL, `there is no register ${number.toString(16)} in the target description`);
}
