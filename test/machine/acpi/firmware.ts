/**
 * What firmware does with the ACPI files of fw_cfg: carries out the loader's script, and finds the tables by the RSDP.
 */
import type { FwCfgFile } from "../../../src/devices/fw-cfg/index.js";

export interface FoundTable {
  readonly signature: string;
  readonly bytes: Uint8Array;
}

const HEADER_SIZE = 36;

/** Sum of bytes, which is 0 where a checksum holds. */
export const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

/** The memory after the script: each file at an address of its own, as far as the script asks for one. */
export function carryOut(files: readonly FwCfgFile[]): { memory: Uint8Array; rsdp: number } {
  const content = new Map(files.map(({ name, bytes }) => [name, bytes]));
  const script = Buffer.from(content.get("etc/table-loader") ?? []);
  const memory = new Uint8Array(0x20000);
  const view = new DataView(memory.buffer);
  const places = new Map<string, number>();
  const place = (name: string): number => {
    const found = places.get(name);
    if (found === undefined) throw new Error(`${name} has no place yet`);
    return found;
  };
  let free = 0x1000;
  for (let at = 0; at < script.length; at += 128) {
    const name = (offset: number) => script.toString("latin1", at + offset, at + offset + 56).replaceAll("\0", "");
    const kind = script.readUInt32LE(at);
    if (kind === 1) {
      const alignment = script.readUInt32LE(at + 60);
      free = Math.ceil(free / alignment) * alignment;
      const bytes = content.get(name(4));
      if (bytes === undefined) throw new Error(`there is no file ${name(4)}`);
      memory.set(bytes, free);
      places.set(name(4), free);
      free += bytes.length;
    } else if (kind === 2) {
      const pointer = place(name(4)) + script.readUInt32LE(at + 116);
      if (script[at + 120] !== 8) throw new Error("pointers of 8 bytes are expected");
      view.setBigUint64(pointer, view.getBigUint64(pointer, true) + BigInt(place(name(60))), true);
    } else if (kind === 3) {
      const [field = 0, start = 0, length = 0] = [60, 64, 68].map((offset) => script.readUInt32LE(at + offset));
      const base = place(name(4));
      memory[base + field] = -sum(memory.subarray(base + start, base + start + length)) & 0xff;
    } else {
      throw new Error(`command ${kind} at ${at}`);
    }
  }
  return { memory, rsdp: place("etc/acpi/rsdp") };
}

/** Every table that the RSDP leads to, the DSDT behind the FADT. */
export function findTables({ memory, rsdp }: { memory: Uint8Array; rsdp: number }): FoundTable[] {
  const view = new DataView(memory.buffer);
  const table = (address: number): FoundTable => ({
    signature: Buffer.from(memory.subarray(address, address + 4)).toString("latin1"),
    bytes: memory.subarray(address, address + view.getUint32(address + 4, true)),
  });
  const address = (at: number): number => Number(view.getBigUint64(at, true));
  const xsdtAt = address(rsdp + 24);
  const xsdt = table(xsdtAt);
  const found = [xsdt];
  for (let entry = HEADER_SIZE; entry < xsdt.bytes.length; entry += 8) {
    const at = address(xsdtAt + entry);
    found.push(table(at));
    if (found.at(-1)?.signature === "FACP") found.push(table(address(at + 140)));
  }
  return found;
}
