/** What firmware needs of a machine: flash banks in the engine's memory, and fw_cfg's way to guest memory. */
import type { DmaMemory } from "../bus/dma.js";
import type { FlashMemory } from "../devices/pflash/index.js";
import type { Engine, Region, RegionSpec } from "../engine/engine.js";
import type { BootOptions } from "./boot.js";
import { flashBankName, flashOf, type MachineDescription } from "./description.js";

/** The flash banks as memory that can be read and run, and is written through the device alone. */
export function flashRegions(description: MachineDescription): RegionSpec[] {
  const flash = flashOf(description);
  return (flash?.banks ?? []).map(({ base, size, secure = false }, index) => ({
    name: flashBankName(flash!, index),
    base: BigInt(base),
    size,
    readOnly: true,
    secure,
  }));
}

/** RAM that the description has beside the machine's own. */
export function memoryRegions({ devices }: MachineDescription): RegionSpec[] {
  return devices.flatMap((device) => {
    if (device.type !== "memory") return [];
    const { name, base, size, secure = false } = device;
    return [{ name, base: BigInt(base), size, secure }];
  });
}

/**
 * A bank with its image in it; beyond the image, and without one, it holds zeros. A bank without a file is written
 * for as long as the machine lives.
 */
export function flashBank(
  engine: Engine,
  { description, flash = [] }: Pick<BootOptions, "description" | "flash">,
  bank: number,
): { memory: FlashMemory; readOnly: boolean } {
  const name = flashBankName(flashOf(description)!, bank);
  const region = engine.regions.find((candidate) => candidate.name === name) as Region;
  const image = flash[bank];
  const bytes = engine.bytes.subarray(region.host, region.host + region.size);
  if (image) bytes.set(image.bytes);
  return {
    readOnly: image !== undefined && image.write === undefined,
    memory: {
      bytes,
      setReadable: (readable) => engine.setRegionPresent(region, readable),
      changed: (offset, size) => {
        // No reset undoes it, so that afterwards is as good as before.
        engine.aboutToWrite(region.host + offset, size);
        image?.write?.(offset, bytes.subarray(offset, offset + size));
      },
    },
  };
}

/** Is told of each access that has been made: physical address, bytes, whether it was a write. */
export type DmaObserver = (address: number, size: number, isWrite: boolean) => void;

/** Guest physical memory as a device's DMA sees it: what is read-only, not there or not the guest's is refused. */
export function dmaMemory(engine: Engine, isGuests: (region: Region) => boolean, seen: DmaObserver): DmaMemory {
  const at = (address: number, size: number): { region: Region; host: number } | undefined => {
    const region = engine.regionAt(BigInt(address));
    if (!region || !isGuests(region) || address + size > Number(region.base) + region.size) return undefined;
    return { region, host: region.host + address - Number(region.base) };
  };
  return {
    read(address, size) {
      const found = at(address, size);
      if (!found) return undefined;
      seen(address, size, false);
      return engine.bytes.slice(found.host, found.host + size);
    },
    write(address, bytes, size) {
      const found = at(address, size);
      if (!found || found.region.readOnly) return false;
      engine.aboutToWrite(found.host, size);
      engine.bytes.set(bytes, found.host);
      engine.bytes.fill(0, found.host + bytes.length, found.host + size);
      seen(address, size, true);
      return true;
    },
  };
}
