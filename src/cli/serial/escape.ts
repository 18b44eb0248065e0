/** The escape key of a terminal in raw mode, where Ctrl-C is the guest's: QEMU's Ctrl-A, and what may follow it. */

export const ESCAPE = 0x01;

export type EscapeCommand = "quit" | "power" | "help";

export const ESCAPE_HELP = [
  "C-a x    end the machine",
  "C-a p    press the power key",
  "C-a h    this help (C-a c as well)",
  "C-a C-a  send C-a to the guest",
];

/** Keeps whether an escape is open, since a key may come in another chunk than the one before it. */
export class EscapeFilter {
  private open = false;

  constructor(private readonly onCommand: (command: EscapeCommand) => void) {}

  /** What of `bytes` is for the guest. */
  filter(bytes: Uint8Array): Uint8Array {
    if (!this.open && !bytes.includes(ESCAPE)) {
      return bytes;
    }
    const forGuest: number[] = [];
    for (const byte of bytes) {
      if (!this.open) {
        if (byte === ESCAPE) {
          this.open = true;
        } else {
          forGuest.push(byte);
        }
        continue;
      }
      this.open = false;
      switch (String.fromCharCode(byte).toLowerCase()) {
        case "x":
          this.onCommand("quit");
          break;
        case "p":
          this.onCommand("power");
          break;
        case "h":
        case "c":
        case "?":
          this.onCommand("help");
          break;
        case "a":
        case "\x01":
          forGuest.push(ESCAPE);
          break;
        default: // not ours: the guest gets neither key, as with QEMU
      }
    }
    return Uint8Array.from(forGuest);
  }
}
