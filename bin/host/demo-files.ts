/**
 * What the demo needs on disk, made if it is not there: certificates, users with generated
 * passwords, and a servers file. Everything secret is readable by the owner only.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import { join } from "node:path";
import { addUser, formatUsers, noUsers, type PasswordRecord, type Users } from "../../lib/mod.ts";
import { createAuthority, issueCertificate } from "./certificates.ts";
import { UsageError } from "./cli.ts";
import { loadCredentials, type Role } from "./credentials.ts";
import { readIfThere, writeWhole } from "./files.ts";
import { hashPassword } from "./passwords.ts";

/** Where the demo's servers listen. */
export interface DemoServer {
  readonly id: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** The only host of the demo. */
export const demoHost = "127.0.0.1";
/** Who can log in. */
export const demoUsers: readonly string[] = ["alice", "bob", "carol"];
const certificateDays = 90;
/** No letters that are mistaken for others; 5 bits each. */
const letters = "abcdefghjkmnpqrstuvwxyz23456789";
const secret = { secret: true, replace: true } as const;

/** Files of the demo's folder. */
export function demoPaths(
  folder: string,
): Readonly<Record<"users" | "passwords" | "servers" | "log" | "ca" | "admin", string>> {
  return {
    users: join(folder, "users.json"),
    passwords: join(folder, "demo-passwords.txt"),
    servers: join(folder, "servers.txt"),
    log: join(folder, "demo.log"),
    ca: join(folder, "ca.pem"),
    admin: join(folder, "admin.pem"),
  };
}

/** Makes the CA and whatever certificate is missing or of no use any longer. */
export async function makeDemoCertificates(
  folder: string,
  servers: readonly DemoServer[],
  say: (line: string) => void,
): Promise<void> {
  if ((await createAuthority(folder)).length > 0) say(`made a CA and ticket keys in ${folder}`);
  const wanted: readonly [string, Role][] = [
    ["auth", "auth"],
    ...servers.map(({ id }): [string, Role] => [id, "server"]),
    ["admin", "admin"],
  ];
  for (const [id, role] of wanted) {
    if (await isGood(folder, id, role)) continue;
    const hosts = [demoHost, "localhost"];
    await issueCertificate(folder, { id, role, hosts, days: certificateDays });
    say(`made a certificate for ${id}`);
  }
}

async function isGood(folder: string, id: string, role: Role): Promise<boolean> {
  try {
    await loadCredentials(folder, id, role);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/**
 * Makes the users if there is no users file; one that is there is never touched.
 *
 * @param hash how passwords are hashed; slow by default
 * @returns the passwords by user name, as far as they are known
 */
export async function makeDemoUsers(
  folder: string,
  say: (line: string) => void,
  hash: (password: string) => Promise<PasswordRecord> = hashPassword,
): Promise<ReadonlyMap<string, string>> {
  const paths = demoPaths(folder);
  if ((await readIfThere(paths.users)) !== undefined) {
    return parsePasswords((await readIfThere(paths.passwords)) ?? "");
  }
  say(`hashing passwords for ${demoUsers.join(", ")}: slow on purpose, a few seconds`);
  const passwords = new Map(demoUsers.map((name) => [name, newPassword()]));
  let users: Users = noUsers;
  for (const [name, password] of passwords) {
    const added = addUser(users, name, await hash(password), Math.floor(Date.now() / 1000));
    if (!added.ok) throw new UsageError(added.error);
    users = added.value;
  }
  // The passwords first: without them nobody could use the users.
  await writeWhole(paths.passwords, formatPasswords(passwords), secret);
  await writeWhole(paths.users, formatUsers(users), secret);
  return passwords;
}

/** Writes the servers file, in the four columns of the base form. */
export async function writeServersFile(
  folder: string,
  servers: readonly DemoServer[],
): Promise<void> {
  const lines = servers.map(({ id, clientPort, peerPort }) =>
    [id, demoHost, clientPort, peerPort].join("\t"),
  );
  const text = `# id\thost\tclient port\tpeer port\n${lines.join("\n")}\n`;
  await writeWhole(demoPaths(folder).servers, text, { secret: false, replace: true });
}

function newPassword(): string {
  const letter = () => letters[randomInt(letters.length)];
  const group = () => Array.from({ length: 4 }, letter).join("");
  return [group(), group(), group(), group()].join("-");
}

function formatPasswords(passwords: ReadonlyMap<string, string>): string {
  const lines = [...passwords].map(([name, password]) => `${name}\t${password}\n`);
  return `# What the demo generated, to show it again at its next start.\n${lines.join("")}`;
}

function parsePasswords(text: string): ReadonlyMap<string, string> {
  const passwords = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name, password] = line.split("\t");
    if (name !== undefined && password !== undefined) passwords.set(name, password);
  }
  return passwords;
}
