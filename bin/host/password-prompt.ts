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

/** Asks on the terminal, with stderr for the question: stdout may be a pipe. */
function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process;
  return new Promise((resolve) => {
    let typed: readonly string[] = [];
    const finish = (): void => {
      stdin.off("data", take);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
    };
    const take = (text: string): void => {
      for (const [index, key] of [...text].entries()) {
        if (key === "\u0003" || (key === "\u0004" && typed.length === 0)) {
          finish();
          process.exit(130); // as the shell reports an interrupted command
        }
        if (key === "\r" || key === "\n") {
          finish();
          // What was pasted behind it belongs to the next question.
          const rest = [...text].slice(index + 1).join("");
          if (rest !== "") stdin.unshift(rest);
          resolve(typed.join(""));
          return;
        }
        typed = edit(typed, key);
      }
    };
    stderr.write(question);
    stdin.setEncoding("utf8");
    stdin.setRawMode(true);
    stdin.on("data", take);
    stdin.resume();
  });
}

function edit(typed: readonly string[], key: string): readonly string[] {
  if (key === "\u007f" || key === "\b") return typed.slice(0, -1);
  if (key === "\u0015") return []; // Ctrl-U
  return key < " " ? typed : [...typed, key];
}
