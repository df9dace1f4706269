/**
 * Runs a command line with cac, so that whatever a person gets wrong ends in exactly one clear line
 * on stderr and exit status 2. Only a bug of ours shows a stack trace.
 *
 * @module
 */

import { readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { type CAC, cac } from "cac";
import * as v from "valibot";

/** Something the person at the keyboard can put right; its message says how. Exit status 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  /** What the process ends with. */
  readonly status: number;

  constructor(message: string, status = 2) {
    super(message);
    this.status = status;
  }
}

/** The flags of a command as texts (repeatable ones as lists of texts), before any validation. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/**
 * Runs the program and, if the person got something wrong, ends the process.
 *
 * `-h` and `-v` mean help and version unless a command takes them for something else. A flag that
 * may be repeated is declared with `{ type: [] }`; any other one given twice is an error. Values
 * always arrive as texts, for cac alone would turn a server called `0123` into `123`.
 *
 * @example
 * ```ts
 * await runCli("chat-certs", (cli) => {
 *   cli.command("init", "makes a CA").option("--dir <folder>", "where", { default: "certs" })
 *     .action((flags: Flags) => initialise(validate("flag", schema, flags).dir));
 * });
 * ```
 */
export async function runCli(name: string, define: (cli: CAC) => void): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure of ours.
  process.stdout.on("error", () => process.exit(0));
  const error = await runArguments(name, define, process.argv.slice(2));
  if (error === undefined) return;
  say(`${name}: ${oneLine(error.message)}`);
  process.exit(error.status);
}

/** As {@link runCli}, but gives the complaint back instead of ending the process. */
export async function runArguments(
  name: string,
  define: (cli: CAC) => void,
  args: readonly string[],
): Promise<UsageError | undefined> {
  const cli = cac(name);
  define(cli);
  addCommonFlags(cli);
  try {
    cli.parse(["", "", ...args.map(protect)], { run: false });
    if (cli.options["help"] === true) cli.outputHelp();
    else if (cli.options["version"] === true) cli.outputVersion();
    else await runCommand(cli, args);
    return undefined;
  } catch (error) {
    return complaint(name, error);
  }
}

/** Reads flags or a settings file; throws a {@link UsageError} that names what does not fit. */
export function validate<Output>(
  kind: "flag" | "key",
  schema: v.GenericSchema<unknown, Output>,
  value: unknown,
): Output {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "";
  const where = kind === "flag" ? `--${kebab(path)}` : `key "${path}"`;
  throw new UsageError(
    issue.received === "undefined" ? `${where} is missing` : `${where}: expected ${issue.message}`,
  );
}

/** The version in package.json, which lies above this file as a source and as built. */
export function packageVersion(): string {
  for (let folder = new URL("./", import.meta.url); ; folder = new URL("../", folder)) {
    try {
      const text = readFileSync(new URL("package.json", folder), "utf8");
      return (JSON.parse(text) as { readonly version: string }).version;
    } catch (error) {
      if (folder.pathname === "/" || new URL("../", folder).href === folder.href) throw error;
    }
  }
}

function addCommonFlags(cli: CAC): void {
  const taken = (letter: string) => cli.commands.some((command) => command.hasOption(letter));
  cli.option(taken("h") ? "--help" : "-h, --help", "Show this text");
  cli.version(packageVersion(), taken("v") ? "--version" : "-v, --version");
  cli.showVersionOnExit = false;
}

/** cac itself does nothing at all, and reports success, when no command fits. */
async function runCommand(cli: CAC, args: readonly string[]): Promise<void> {
  if (cli.matchedCommand === undefined) {
    const known = cli.commands.map((command) => command.name).join(", ");
    const [given] = cli.args;
    throw new UsageError(
      given === undefined
        ? `say what to do: ${known}`
        : `there is no command "${unprotect(given)}"; there are: ${known}`,
    );
  }
  cli.matchedCommand.checkUnknownOptions();
  for (const option of cli.matchedCommand.options) {
    const value: unknown = cli.options[option.name];
    const repeatable = Array.isArray(option.config.type);
    if (!repeatable && timesGiven(option.names, args) > 1) {
      throw new UsageError(`flag ${option.rawName} is given more than once`);
    }
    const checked = readFlag(option.rawName, repeatable, value);
    for (const key of option.names) cli.options[key] = checked;
  }
  cli.args = cli.args.map(unprotect);
  await cli.runMatchedCommand();
}

function readFlag(rawName: string, repeatable: boolean, value: unknown): Flags[string] {
  if (value === undefined || typeof value === "boolean") return value;
  if (repeatable) {
    const values: unknown[] = [value].flat();
    if (!values.every((each) => typeof each === "string")) {
      throw new UsageError(`flag ${rawName}: its value is missing`);
    }
    return values.map(unprotect);
  }
  if (Array.isArray(value)) return true; // -dd is as good as -d
  if (typeof value === "string") return unprotect(value);
  if (typeof value === "number") return String(value); // a default
  throw new UsageError(`flag ${rawName} has no parts`);
}

/** cac keeps only one of `-n a --name b`. No value can begin with a dash, so this counts flags. */
function timesGiven(names: readonly string[], args: readonly string[]): number {
  const spellings = names.map((name) => (name.length === 1 ? `-${name}` : `--${kebab(name)}`));
  return args.filter((arg) => spellings.some((flag) => arg === flag || arg.startsWith(`${flag}=`)))
    .length;
}

/** Keeps cac from reading a number: no argument of a process can have this character in it. */
const guard = "\u0000";

function protect(argument: string): string {
  if (!argument.startsWith("-")) return isNumeric(argument) ? guard + argument : argument;
  const [, flag, value] = /^(--?[^=]+=)(.*)$/s.exec(argument) ?? [];
  return flag !== undefined && value !== undefined && isNumeric(value)
    ? `${flag}${guard}${value}`
    : argument;
}

function unprotect(value: string): string {
  return value.startsWith(guard) ? value.slice(1) : value;
}

/** Also of the empty text, which cac takes for 0. */
function isNumeric(text: string): boolean {
  return Number.isFinite(Number(text));
}

/** What to tell the person; an error that is our own bug is thrown on. */
function complaint(name: string, error: unknown): UsageError {
  if (error instanceof UsageError) return error;
  if (!(error instanceof Error)) throw error;
  const code = (error as NodeJS.ErrnoException).code;
  if (error.name === "CACError") {
    const message = error.message.replaceAll(guard, "").replaceAll("`", '"');
    return new UsageError(`${message} (${name} --help shows what there is)`);
  }
  // cac trips over `--port.x 1` with an exception of the language.
  if (error.stack?.includes("setDotProp") === true) {
    return new UsageError(`flags have no parts (${name} --help shows what there is)`);
  }
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return new UsageError(error.message);
  throw error;
}

/** Written at once, so that it is not lost when the process ends right after. */
function say(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // nobody is listening
  }
}

/** The text without anything that could end the line or steer a terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
