/**
 * The client on a terminal: a prompt that stays whole while lines arrive, history, completion, and
 * a password that is not shown. The streams are handed in, so tests need no terminal.
 *
 * @module
 */

import * as readline from "node:readline";
import { Writable } from "node:stream";

/** What a terminal needs of the world. */
export interface TerminalOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Full words that may replace the begun one. */
  readonly complete: (line: string) => {
    readonly begun: string;
    readonly candidates: readonly string[];
  };
  readonly onLine: (line: string) => void;
  /** Ctrl-C or Ctrl-D. */
  readonly onLeave: () => void;
}

const historySize = 500;

/**
 * A line editor below a scrolling transcript.
 *
 * @example
 * ```ts
 * const terminal = new Terminal({ input: stdin, output: stdout, complete, onLine, onLeave });
 * terminal.setPrompt("[MainHall-s1] alice> ");
 * terminal.print("bob: hi");
 * ```
 */
export class Terminal {
  readonly #output: NodeJS.WritableStream;
  readonly #editor: readline.Interface;
  /** While something is asked, its answer; the prompt is then the question. */
  #question: { readonly hidden: boolean; answer(line: string | undefined): void } | undefined;
  #muted = false;
  #prompt = "";
  #closed = false;

  constructor(options: TerminalOptions) {
    const { input, output, complete, onLine, onLeave } = options;
    this.#output = output;
    this.#editor = readline.createInterface({
      input,
      output: this.#muteable(),
      terminal: true,
      historySize,
      removeHistoryDuplicates: true,
      prompt: "",
      completer: (line: string): [string[], string] => {
        const { begun, candidates } = this.#question === undefined ? complete(line) : nothing;
        return [[...candidates], begun];
      },
    });
    this.#editor.on("history", (history: string[]) => {
      if (this.#question !== undefined) history.shift();
    });
    this.#editor.on("line", (line) => {
      if (this.#question === undefined) onLine(line);
      else this.#answered(line);
      this.#redraw([]);
    });
    this.#editor.on("SIGINT", () => {
      this.#answered(undefined);
      onLeave();
    });
    this.#editor.on("close", () => {
      if (this.#closed) return;
      this.#closed = true;
      output.write("\n");
      this.#answered(undefined);
      onLeave();
    });
  }

  /** Prints lines above the prompt. */
  print(...lines: readonly string[]): void {
    this.#redraw(lines);
  }

  /** Replaces what stands before the typed line. */
  setPrompt(text: string): void {
    if (text === this.#prompt) return;
    this.#prompt = text;
    if (this.#question === undefined) this.#redraw([]);
  }

  /** Asks for one line, kept out of the history; `undefined` when the person leaves instead. */
  ask(question: string, hidden: boolean): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(undefined);
      this.#question = { hidden, answer: resolve };
      this.#redraw([], question);
      this.#muted = hidden;
    });
  }

  /** Ends the editing; the terminal is as it was before. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wipe();
    this.#editor.close();
  }

  #answered(line: string | undefined): void {
    const question = this.#question;
    if (question === undefined) return;
    this.#question = undefined;
    this.#muted = false;
    if (question.hidden) this.#output.write("\n");
    question.answer(line);
  }

  /** Wipes prompt and typed text, however many rows they take, and writes them anew below. */
  #redraw(lines: readonly string[], question?: string): void {
    const text = lines.map((line) => `${line}\n`).join("");
    if (this.#closed) return void this.#output.write(text);
    this.#wipe();
    this.#output.write(text);
    if (this.#question === undefined) this.#editor.setPrompt(this.#prompt);
    else if (question !== undefined) this.#editor.setPrompt(question);
    if (this.#muted) return void this.#output.write(this.#editor.getPrompt());
    // Not documented, but there on all runtimes: without it the editor moves up once more.
    (this.#editor as unknown as { prevRows: number }).prevRows = 0;
    this.#editor.prompt(true);
  }

  #wipe(): void {
    const rows = this.#muted ? 0 : this.#editor.getCursorPos().rows;
    readline.moveCursor(this.#output, 0, -rows);
    readline.cursorTo(this.#output, 0);
    readline.clearScreenDown(this.#output);
  }

  /** The editor's way to the output, which hears nothing while a password is typed. */
  #muteable(): Writable {
    const output = this.#output;
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string, _encoding, done) => {
        if (!this.#muted) output.write(chunk);
        done();
      },
    });
    const size = output as { readonly columns?: number; readonly rows?: number };
    Object.defineProperty(stream, "columns", { get: () => size.columns ?? 80 });
    Object.defineProperty(stream, "rows", { get: () => size.rows ?? 24 });
    output.on("resize", () => stream.emit("resize"));
    return stream;
  }
}

const nothing = { begun: "", candidates: [] } as const;
