/** The program with the fake machine in it, for a test to run in a terminal of its own. */
import { runCli } from "../../src/cli/cli.js";
import { FakeFactory } from "./fake-machine.js";

process.stdout.write(`pid ${process.pid}\n`);
const status = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  loadMachine: async () => new FakeFactory("ready\n", process.env.FAKE_POWER_OFF === "1"),
});
process.exit(status);
