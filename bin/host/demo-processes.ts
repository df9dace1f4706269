/**
 * The processes of the demo: started on the runtime that runs the demo, watched, and stopped
 * together. What they log goes to a file, and what is worth a look to whoever asks.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { relative } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A line of a log. */
type LogLine = Readonly<Record<string, unknown>>;

/** What a process tells. */
export interface ProcessEvents {
  /** Every line it wrote, as it is. */
  line(line: string): void;
  /** A warning or an error. */
  warning(line: LogLine): void;
  /** It has ended; `lastWords` is what it said last that was no log line. */
  ended(how: string, lastWords: string): void;
}

/** One process of the demo. */
export class DemoProcess {
  readonly name: string;
  /** Resolves when it is ready, rejects when it ends before. */
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  constructor(name: string, command: string, args: readonly string[], events: ProcessEvents) {
    this.name = name;
    const [runtime, ...before] = scriptCommand("./demo-child");
    // A group of its own: a Ctrl-C is for the demo alone, which then stops everybody once.
    this.#child = spawn(runtime, [...before, command, ...args], {
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
    });
    this.#child.stdin?.on("error", () => {}); // it may have ended already
    let lastWords = "";
    let tellReady: () => void = () => {};
    let tellEnded: () => void = () => {};
    this.ended = new Promise((resolve) => {
      tellEnded = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      tellReady = resolve;
      this.#child.once("error", reject);
      this.#child.once("close", () => reject(new Error(lastWords)));
    });
    this.ready.catch(() => {}); // whoever waits for it hears of it
    const lines = createInterface({ input: this.#child.stderr as NodeJS.ReadableStream });
    lines.on("line", (line) => {
      events.line(line);
      const parsed = parseLine(line);
      if (parsed === undefined) lastWords = line;
      else if (parsed["event"] === "ready") tellReady();
      else if (parsed["level"] === "warn" || parsed["level"] === "error") events.warning(parsed);
    });
    this.#child.once("close", (code, signal) => {
      tellEnded();
      events.ended(signal === null ? `status ${code}` : `signal ${signal}`, lastWords);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Lets it finish what it does. */
  stop(): void {
    this.#child.stdin?.end();
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** How a person starts a script of `bin/` on this runtime, from the current folder. */
export function commandFor(script: string): string {
  const path = fileURLToPath(new URL(`../${script}${extension}`, import.meta.url));
  const short = relative(process.cwd(), path);
  const file = short.startsWith("..") ? path : short;
  return "Deno" in globalThis ? `deno run -A ${file}` : `node ${file}`;
}

/** `.js` as built, `.ts` as a source. */
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

function scriptCommand(script: string): readonly [string, ...string[]] {
  const path = fileURLToPath(new URL(`${script}${extension}`, import.meta.url));
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-prompt"] : process.execArgv;
  return [process.execPath, ...flags, path];
}

function parseLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
