/**
 * The flags of `chat-client`, checked, and where its password comes from.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import process from "node:process";
import * as readline from "node:readline/promises";
import type { CAC } from "cac";
import * as v from "valibot";
import { type Address, type ClientConfig, parseAddress } from "../../lib/mod.ts";
import { type Flags, UsageError, validate } from "./cli.ts";
import { readText } from "./files.ts";
import { addressFlag, portFlag } from "./flag-schemas.ts";

/** Without somebody who could say "enough", a lost server is looked for only so long. */
const patienceOfProgramsMs = 20_000;

const text = v.pipe(v.string("a text"), v.minLength(1, "a text that is not empty"));

/** What a person asked for. */
export interface ClientFlags {
  readonly host: string;
  readonly port: number;
  readonly identity?: string | undefined;
  readonly username?: string | undefined;
  readonly auth?: Address | undefined;
  readonly ca: string;
  readonly passwordFile?: string | undefined;
  readonly debug: boolean;
  readonly json: boolean;
}

const schema: v.GenericSchema<unknown, ClientFlags> = v.object({
  host: text,
  port: portFlag,
  identity: v.optional(text),
  username: v.optional(text),
  auth: v.optional(addressFlag),
  ca: text,
  passwordFile: v.optional(text),
  debug: v.optional(v.boolean("no value"), false),
  json: v.optional(v.boolean("no value"), false),
});

/** Declares the flags. `-h` is the host, as in the client everybody knows. */
export function clientFlags(cli: CAC): ReturnType<CAC["command"]> {
  return cli
    .command("", "chat on a terminal, or line by line through pipes")
    .option("-h, --host <host>", "the chat server")
    .option("-p, --port <port>", "its port for clients", { default: "4444" })
    .option("-i, --identity <name>", "the name to show in rooms; the user name if absent")
    .option("-u, --username <name>", "the name to log in with; asked for, or the identity")
    .option("-d, --debug", "print every message sent and received, without secrets")
    .option("--ca <file>", "the CA certificate to trust", { default: "certs/ca.pem" })
    .option("--auth <host:port>", "the authentication server; otherwise the chat server names it")
    .option("--password-file <file>", "its first line is the password (or set CHAT_PASSWORD)")
    .option("--json", "print each line of the server as it came");
}

/** Checks the flags; throws a {@link UsageError} that names what does not fit. */
export function readClientFlags(flags: Flags): ClientFlags {
  if (flags["host"] === undefined) throw new UsageError("say where to connect to: -h HOST -p PORT");
  return validate("flag", schema, flags);
}

/** Who logs in as whom; asks for the user name where there is a person to ask. */
export async function clientConfig(
  flags: ClientFlags,
  interactive: boolean,
): Promise<ClientConfig> {
  const { host, port, identity, auth } = flags;
  const server = parseAddress(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  if (server === undefined) throw new UsageError(`-h "${host}" is no host name or IP address`);
  const username = flags.username ?? (interactive ? await askUsername(identity) : identity);
  if (username === undefined) throw new UsageError("say who logs in: -u USERNAME or -i IDENTITY");
  return {
    server,
    ...(auth === undefined ? {} : { auth }),
    username,
    identity: identity ?? username,
    seed: randomInt(2 ** 32 - 1),
    patienceMs: interactive ? Number.POSITIVE_INFINITY : patienceOfProgramsMs,
  };
}

/** The password from the file or the environment, if it is in one of them. */
export async function givenPassword(flags: ClientFlags): Promise<string | undefined> {
  const { passwordFile } = flags;
  if (passwordFile === undefined) return process.env["CHAT_PASSWORD"];
  const content = await readText(passwordFile, "write the password into its first line");
  const [line = ""] = content.split(/\r?\n/);
  if (line === "") throw new UsageError(`${passwordFile}: its first line is empty`);
  return line;
}

async function askUsername(identity: string | undefined): Promise<string | undefined> {
  const editor = readline.createInterface({ input: process.stdin, output: process.stdout });
  const left = new Promise<undefined>((resolve) => editor.once("close", () => resolve(undefined)));
  const hint = identity === undefined ? "" : ` [${identity}]`;
  const typed = await Promise.race([editor.question(`User name${hint}: `), left]);
  editor.close();
  if (typed === undefined) throw new UsageError("left before the login was done", 1);
  return typed.trim() === "" ? identity : typed.trim();
}
