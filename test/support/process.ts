/**
 * Starts the project's commands as child processes on the runtime that runs the tests, collects
 * what they print and makes sure that none outlives the tests.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait.ts";

/** What runs the tests. */
export const runtime: "node" | "deno" = "Deno" in globalThis ? "deno" : "node";

/** The folder of the package. */
export const packageFolder: string = fileURLToPath(new URL("../../", import.meta.url));

/** One JSON log line. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event?: string };

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Options of {@link startCommand}. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input, which is then closed; without it the input stays open. */
  readonly input?: string;
}

const running = new Set<RunningCommand>();
process.on("exit", () => {
  for (const command of running) command.signal("SIGKILL");
});

/** The command line that runs a script of this package on the current runtime. */
export function scriptCommand(script: string): readonly [command: string, ...args: string[]] {
  const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
  if (runtime === "deno") return [process.execPath, "run", "-A", "--no-prompt", path];
  return [process.execPath, "--import", import.meta.resolve("tsx"), path];
}

/** A command that was started; see {@link startCommand}. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout: string = "";
  stderr: string = "";
  /** Set when it has ended. */
  result: Ended | undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    running.add(this);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    child.stdin?.on("error", () => {}); // it may have ended before it read everything
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        running.delete(this);
        this.result = { code, signal };
        resolve(this.result);
      });
    });
  }

  /** The JSON lines it has logged so far; other lines are left out. */
  get log(): readonly LogLine[] {
    return this.stderr
      .split("\n")
      .slice(0, -1)
      .flatMap((line) => {
        if (!line.startsWith("{")) return [];
        try {
          return [JSON.parse(line) as LogLine];
        } catch {
          return [];
        }
      });
  }

  /** The first log line of this event for which `matches` holds, as soon as it is there. */
  logged(
    event: string,
    matches: (line: LogLine) => boolean = () => true,
    limitMs?: number,
  ): Promise<LogLine> {
    const find = () => {
      const line = this.log.find((each) => each.event === event && matches(each));
      if (line === undefined && this.result !== undefined) {
        throw new Error(`ended (${this.result.code}) without "${event}":\n${this.stderr}`);
      }
      return line;
    };
    return waitFor(`"${event}" in the log of ${this.child.spawnargs.join(" ")}`, find, limitMs);
  }

  /** Types a line. */
  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Sends a signal. Not by `child.kill`, which on Deno sends no second one. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (this.result !== undefined || pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch {
      // it has just ended
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.signal(signal);
    return await this.ended;
  }
}

/**
 * Starts a script of this package, for example `bin/chat-server.ts`, and does not wait for it.
 *
 * Node's warnings are left out: they would be lines on stderr that are not the command's own.
 */
export function startCommand(
  script: string,
  args: readonly string[] = [],
  options: CommandOptions = {},
): RunningCommand {
  const [command, ...before] = scriptCommand(script);
  const child = spawn(command, [...before, ...args], {
    cwd: options.cwd ?? packageFolder,
    env: { ...process.env, NODE_NO_WARNINGS: "1", NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  if (options.input !== undefined) child.stdin.end(options.input);
  return new RunningCommand(child);
}

/** Runs a script of this package to its end. */
export async function runCommand(
  script: string,
  args: readonly string[] = [],
  options: CommandOptions = {},
): Promise<Ended & { readonly stdout: string; readonly stderr: string }> {
  const command = startCommand(script, args, { input: "", ...options });
  const limit = setTimeout(() => command.signal("SIGKILL"), 60_000);
  const ended = await command.ended;
  clearTimeout(limit);
  return { ...ended, stdout: command.stdout, stderr: command.stderr };
}
