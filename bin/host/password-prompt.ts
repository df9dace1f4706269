/**
 * Getting a new password from a person: typed twice without echo, or as one line on standard input.
 *
 * @module
 */

import process from "node:process";
import { UsageError } from "./cli.ts";
import { checkPassword } from "./passwords.ts";

/** No password is as long; what is longer is a wrong file. */
const lineCharactersMax = 16 * 1024;

/** Reads a new password from the terminal, or the first line of standard input. */
export async function readNewPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return checkPassword(await readLine(process.stdin));
  if (!process.stdin.isTTY) {
    throw new UsageError("there is no terminal to type a password at: use --password-stdin");
  }
  const password = checkPassword(await askHidden("New password: "));
  if ((await askHidden("Again: ")) !== password) {
    throw new UsageError("the two passwords differ; nothing was changed");
  }
  return password;
}

/** The first line, without its end. */
export async function readLine(input: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  input.setEncoding("utf8");
  for await (const chunk of input) {
    text += chunk;
    if (text.includes("\n") || text.length > lineCharactersMax) break;
  }
  return (text.split("\n", 1)[0] ?? "").replace(/\r$/, "");
}

/** What of a terminal is needed to ask without echo. */
export interface Keyboard extends NodeJS.ReadableStream {
  setRawMode(raw: boolean): unknown;
}

/** Asks without showing what is typed; fails when the person interrupts it with Ctrl-C. */
export function askHidden(
  question: string,
  keyboard: Keyboard = process.stdin,
  screen: NodeJS.WritableStream = process.stderr, // stdout may be a pipe
): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: readonly string[] = [];
    const finish = (rest: readonly string[]): void => {
      keyboard.off("data", take);
      keyboard.setRawMode(false);
      keyboard.pause();
      screen.write("\n");
      // What was pasted behind the line belongs to the next question.
      if (rest.length > 0) keyboard.unshift(rest.join(""));
    };
    const take = (text: string): void => {
      const keys = [...text];
      for (const [index, key] of keys.entries()) {
        if (key === "\u0003" || (key === "\u0004" && typed.length === 0)) {
          finish([]);
          // 130: as shells report a command that was interrupted.
          reject(new UsageError("interrupted; nothing was changed", 130));
          return;
        }
        if (key === "\r" || key === "\n") {
          finish(keys.slice(index + 1));
          resolve(typed.join(""));
          return;
        }
        typed = edit(typed, key);
      }
    };
    screen.write(question);
    keyboard.setEncoding("utf8");
    keyboard.setRawMode(true);
    keyboard.on("data", take);
    keyboard.resume();
  });
}

function edit(typed: readonly string[], key: string): readonly string[] {
  if (key === "\u007f" || key === "\b") return typed.slice(0, -1);
  if (key === "\u0015") return []; // Ctrl-U
  return key < " " ? typed : [...typed, key];
}
