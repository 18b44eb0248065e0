/** What is typed at U-Boot's console. */
import type { Dialogue } from "./firmware.js";

export const PROMPT = "=> ";
export const STOP_AUTOBOOT = ["stop autoboot", "\r"] as const;

/** Linux and its initrd by fw_cfg. */
export const BOOT_LINUX: Dialogue = [
  STOP_AUTOBOOT,
  [PROMPT, "setenv bootargs console=ttyAMA0; qfw load $kernel_addr_r $ramdisk_addr_r\r"],
  [PROMPT, "booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr\r"],
];
