/**
 * The two faces of the client: a terminal for people, plain lines for programs and pipes. Nothing
 * but the chat goes to stdout there; trouble goes to stderr.
 *
 * @module
 */

import process from "node:process";
import * as readline from "node:readline";
import {
  type ClientState,
  complete,
  describe,
  type KnownNames,
  prompt,
  type Shown,
} from "../../lib/mod.ts";
import type { ClientView, RunningClient } from "./client-host.ts";
import { Terminal } from "./terminal.ts";

/** Lines read ahead of what can be sent; a pipe is not read on beyond. */
const queueMax = 200;
const waitingBytesMax = 256 * 1024;

/** What a view is told by its owner. */
export interface ViewOptions {
  readonly identity: string;
  readonly password: string | undefined;
  readonly debug: boolean;
  readonly json: boolean;
}

/** A view that still has to be given the client whose lines it reads. */
export interface AttachableView extends ClientView {
  attach(client: RunningClient): void;
  /** Gives the terminal back. */
  close(): void;
}

/** Prompt, history and completion. */
export class TerminalView implements AttachableView {
  readonly #options: ViewOptions;
  readonly #terminal: Terminal;
  #client: RunningClient | undefined;
  #names: KnownNames = { rooms: [], identities: [] };
  #seconds: number | undefined;

  constructor(options: ViewOptions, terminal?: (view: TerminalView) => Terminal) {
    this.#options = options;
    this.#terminal = terminal?.(this) ?? this.onStreams(process.stdin, process.stdout);
  }

  /** The terminal of this view on the streams given. */
  onStreams(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Terminal {
    return new Terminal({
      input,
      output,
      complete: (line) => complete(line, this.#names),
      onLine: (text) => this.#client?.input({ type: "typed", text }),
      onLeave: () => this.#client?.input({ type: "leave" }),
    });
  }

  attach(client: RunningClient): void {
    this.#client = client;
  }

  show(shown: Shown): void {
    if (shown.kind === "countdown") this.#seconds = shown.seconds;
    const lines = describe(shown, this.#options.identity);
    if (lines.length > 0) this.#terminal.print(...lines);
  }

  changed({ room, names, phase }: ClientState): void {
    this.#names = names;
    if (phase.name === "over") return;
    const waiting = phase.name === "waiting" ? this.#seconds : undefined;
    const place = room === "" ? "logging in" : room;
    this.#terminal.setPrompt(prompt(place, this.#options.identity, waiting));
  }

  async askPassword(username: string): Promise<string | undefined> {
    const { password } = this.#options;
    return password ?? (await this.#terminal.ask(`Password for ${username}: `, true));
  }

  raw(): void {}

  debug(line: string): void {
    if (this.#options.debug) this.#terminal.print(describeDebug(line));
  }

  close(): void {
    this.#terminal.close();
  }
}

/** Lines in, lines out. */
export class LineView implements AttachableView {
  readonly #options: ViewOptions;
  #client: RunningClient | undefined;
  #reader: readline.Interface | undefined;
  #paused = false;

  constructor(options: ViewOptions) {
    this.#options = options;
  }

  attach(client: RunningClient): void {
    this.#client = client;
    // The first wish to leave is a polite one; the machine takes the second at its word.
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => client.input({ type: "leave" }));
    }
  }

  show(shown: Shown): void {
    const text = describe(shown, this.#options.identity)
      .map((line) => `${line}\n`)
      .join("");
    const aside = shown.kind === "trouble" || this.#options.json;
    // Replies are on stdout already, as they came.
    if (this.#options.json && shown.kind === "reply") return;
    (aside ? process.stderr : process.stdout).write(text);
  }

  changed({ phase, queue }: ClientState): void {
    // Not before: a password may still have to be typed on the same stream.
    if (phase.name === "chatting") this.#read();
    const reader = this.#reader;
    if (reader === undefined) return;
    const full = queue.length > queueMax || (this.#client?.waiting() ?? 0) > waitingBytesMax;
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) reader.pause();
    else reader.resume();
  }

  #read(): void {
    if (this.#reader !== undefined) return;
    const reader = readline.createInterface({ input: process.stdin, terminal: false });
    this.#reader = reader;
    reader.on("line", (text) => this.#client?.input({ type: "typed", text }));
    reader.on("close", () => this.#client?.input({ type: "ask", request: { type: "quit" } }));
  }

  async askPassword(username: string): Promise<string | undefined> {
    const { password } = this.#options;
    if (password !== undefined) return password;
    if (!process.stdin.isTTY || this.#reader !== undefined) return undefined;
    const terminal = new Terminal({
      input: process.stdin,
      output: process.stderr,
      complete: () => ({ begun: "", candidates: [] }),
      onLine: () => {},
      onLeave: () => this.#client?.input({ type: "leave" }),
    });
    const typed = await terminal.ask(`Password for ${username}: `, true);
    terminal.close();
    return typed;
  }

  raw(line: string): void {
    if (this.#options.json) process.stdout.write(`${line}\n`);
  }

  debug(line: string): void {
    if (this.#options.debug) process.stderr.write(`${describeDebug(line)}\n`);
  }

  close(): void {
    this.#reader?.close();
  }
}

/** JSON escapes most of what steers a terminal; the rest is escaped here instead of dropped. */
function describeDebug(line: string): string {
  return line.replace(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
