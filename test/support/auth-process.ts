/**
 * A real authentication server in a process of its own, and clients that talk to it over TLS.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { hashPassword } from "../../bin/host/passwords.ts";
import { formatUsers, type UserRecord, type Users } from "../../lib/auth/users.ts";
import type { AuthRequest } from "../../lib/wire/auth-messages.ts";
import type { LoginReply } from "./auth-bench.ts";
import { certificatesFolder, copyCertificates } from "./certificates.ts";
import { temporaryFolder } from "./folders.ts";
import { type RunningCommand, startCommand } from "./process.ts";
import { waitFor } from "./wait.ts";

/** A line from the server, whatever it is. */
export type AnyReply = LoginReply & { readonly type: string };

/** One connection to the server. */
export class AuthClient {
  readonly socket: TLSSocket;
  /** Lines nobody has asked for yet. */
  readonly lines: string[] = [];
  ended = false;
  #pending = "";

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      const [first = "", ...more] = (this.#pending + text).split("\n");
      const lines = [first, ...more];
      this.#pending = lines.pop() ?? "";
      this.lines.push(...lines);
    });
    socket.on("error", () => {}); // seen as the end
    socket.on("close", () => {
      this.ended = true;
    });
  }

  write(text: string): void {
    this.socket.write(text);
  }

  /** The next line. */
  async reply(): Promise<AnyReply> {
    const line = await waitFor("a reply", () => {
      if (this.lines.length === 0 && this.ended) throw new Error("closed without a reply");
      return this.lines.shift();
    });
    return JSON.parse(line) as AnyReply;
  }

  ask(message: AuthRequest): Promise<AnyReply> {
    this.write(`${JSON.stringify(message)}\n`);
    return this.reply();
  }

  async closed(): Promise<void> {
    await waitFor("the end of the connection", () => this.ended);
  }
}

/** A running server and its files. */
export interface AuthProcess {
  readonly command: RunningCommand;
  readonly usersFile: string;
  /** A copy, which a test may change. */
  readonly certs: string;
  connect(): Promise<AuthClient>;
  /** One question on a connection of its own. */
  ask(message: AuthRequest): Promise<AnyReply>;
}

/** Users with cheap hashes: `password` for each. */
export async function cheapUsers(
  passwords: Readonly<Record<string, string>>,
  N: number = 2 ** 10,
): Promise<Users> {
  const users = new Map<string, UserRecord>();
  for (const [username, password] of Object.entries(passwords)) {
    const scrypt = await hashPassword(password, { N, r: 8, p: 1 });
    users.set(username, { username, disabled: false, passwordSetAt: 0, scrypt });
  }
  return users;
}

/** Starts a server with these users and waits until it listens. */
export async function startAuth(users: Users, ...flags: string[]): Promise<AuthProcess> {
  const usersFile = join(temporaryFolder(), "users.json");
  writeFileSync(usersFile, formatUsers(users), { mode: 0o600 });
  const files = ["ca.pem", "auth.pem", "auth.key", "ticket.key", "ticket.pub"];
  const certs = await copyCertificates(await certificatesFolder(), ...files);
  const where = ["--port", "0", "--users", usersFile, "--certs", certs];
  const command = startCommand("bin/chat-auth.ts", ["serve", ...where, ...flags]);
  const { port } = await command.logged("ready");
  const ca = readFileSync(join(certs, "ca.pem"));
  const open = () =>
    new Promise<AuthClient>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: Number(port), ca }, () => {
        socket.off("error", reject);
        resolve(new AuthClient(socket));
      });
      socket.once("error", reject);
    });
  const ask = async (message: AuthRequest) => {
    const client = await open();
    const reply = await client.ask(message);
    client.socket.destroy();
    return reply;
  };
  return { command, usersFile, certs, connect: open, ask };
}
