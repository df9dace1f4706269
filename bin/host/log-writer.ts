/**
 * Writes log lines to stderr without ever waiting for whoever reads them: a pager that was stopped
 * must not stop the heartbeats. What can't be written is bounded, then dropped and counted.
 *
 * @module
 */

import { write, writeSync } from "node:fs";
import process from "node:process";

/** How much may wait for a slow reader of the log, in characters. */
const waitingMax = 1024 * 1024;

/** A place for log lines. */
export interface LineWriter {
  /** Takes a line, LF included. */
  write(line: string): void;
  /** How many lines were dropped since the last call. */
  takeDropped(): number;
  /** What nobody has begun to write yet: for the last words of a process. */
  takeRest(): string;
  /** Resolves when everything taken has been written, or after a short time. */
  flush(): Promise<void>;
}

let shared: LineWriter | undefined;

/** The process's writer to stderr; what waits when the process ends is still written. */
export function stderrWriter(): LineWriter {
  if (shared !== undefined) return shared;
  const writer = createLineWriter(writeToStderr);
  process.on("exit", () => writeNow(writer.takeRest()));
  shared = writer;
  return writer;
}

/**
 * Makes a writer; the lines of one turn of the event loop are written together.
 *
 * @param output how to write a text: `done` must be called afterwards, with what was not written
 */
export function createLineWriter(
  output: (text: string, done: (rest: string) => void) => void,
): LineWriter {
  let waiting: string[] = [];
  let size = 0;
  let dropped = 0;
  let busy = false;
  const pump = (rest: string): void => {
    if (rest === "" && waiting.length === 0) {
      busy = false;
      return;
    }
    const text = rest + waiting.join("");
    waiting = [];
    size = 0;
    output(text, pump);
  };
  const take = (line: string): void => {
    if (size + line.length > waitingMax) {
      dropped++;
      return;
    }
    size += line.length;
    waiting.push(line);
    if (busy) return;
    busy = true;
    setImmediate(pump, "");
  };
  return {
    write: take,
    takeDropped: () => {
      const count = dropped;
      dropped = 0;
      return count;
    },
    takeRest: () => {
      const rest = waiting.join("");
      waiting = [];
      return rest;
    },
    flush: async () => {
      for (let tries = 0; busy && tries < 50; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

function writeToStderr(text: string, done: (rest: string) => void): void {
  const bytes = Buffer.from(text);
  write(2, bytes, 0, bytes.length, null, (error, written) => {
    // A pipe that takes nothing now is tried again; one that nobody will read again is given up.
    if (error?.code === "EAGAIN") setTimeout(done, 20, text);
    else done(error === null ? bytes.subarray(written).toString() : "");
  });
}

function writeNow(text: string): void {
  if (text === "") return;
  try {
    writeSync(2, text);
  } catch {
    // nobody is listening
  }
}
