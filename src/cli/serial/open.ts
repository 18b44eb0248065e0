import type { SerialChoice } from "../flags.js";
import type { SerialBackend } from "./backend.js";
import type { StdioEvents, StdioStreams } from "./stdio.js";

/**
 * The backend that `--serial` names.
 * @param say gets a line for the person at the terminal.
 * @throws ConfigError when a file or port cannot be had.
 */
export async function openSerial(
  choice: SerialChoice,
  streams: StdioStreams,
  events: StdioEvents,
  say: (line: string) => void,
): Promise<SerialBackend> {
  switch (choice.kind) {
    case "stdio": {
      const { StdioSerial } = await import("./stdio.js");
      return new StdioSerial(streams, events);
    }
    case "null":
      return (await import("./null.js")).nullSerial;
    case "file":
      return new (await import("./file.js")).FileSerial(choice.path, say);
    case "tcp": {
      const serial = await (await import("./tcp.js")).TcpSerial.listen(choice.host, choice.port);
      const { host, port } = serial.address;
      say(`serial console on ${host}:${port}`);
      return serial;
    }
  }
}
