/** One command line from its words to an exit status: 0, 1 for a failure of ours, 2 for wrong usage. */
import { EndpointError } from "../gdb/endpoint.js";
import { ConfigError } from "../machine/errors.js";
import { type Invocation, parseArguments } from "./arguments.js";
import { type CliEnvironment, say } from "./environment.js";

export async function runCli(argv: readonly string[], environment: CliEnvironment): Promise<number> {
  try {
    return await dispatch(await parseArguments(argv), environment);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof EndpointError) {
      say(environment, error.message);
      return 2;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(environment, `this is a bug of trapframe, not of the guest: ${stack}`);
    return 1;
  }
}

async function dispatch(invocation: Invocation, environment: CliEnvironment): Promise<number> {
  switch (invocation.command) {
    case "print":
      environment.stdout.write(`${invocation.text}\n`);
      return 0;
    case "machines":
      return (await import("./commands/machines.js")).machines(environment);
    case "fetch":
      return (await import("./commands/fetch.js")).fetch(invocation.arguments, environment);
    case "boot":
      return (await import("./commands/boot.js")).boot(invocation.arguments, environment);
    case "start":
      return (await import("./commands/start.js")).start(invocation.arguments, environment);
  }
}
