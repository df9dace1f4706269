/**
 * The users file on disk: reading it, changing it so that neither a power cut nor another command
 * at the same time loses anything, and noticing when somebody else changed it. What is in it is
 * the library's affair.
 *
 * @module
 */

import { unwatchFile, watchFile } from "node:fs";
import { open, realpath, stat, unlink } from "node:fs/promises";
import process from "node:process";
import { formatUsers, noUsers, parseUsers, type Users } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import { readIfThere, writeWhole } from "./files.ts";

/** How long a command waits for another one unless told, and how often it looks. */
const lockPatienceMs = 10_000;
const lockPauseMs = 50;
/** How often a server looks whether the file has changed. */
const watchIntervalMs = 1000;

/** A change of the users; an error is one line for a person. */
export type Edit = (users: Users) => ReturnType<typeof parseUsers>;

/** How an edit deals with a file that is not there. */
export interface EditOptions {
  /** Whether it counts as one without users. */
  readonly create: boolean;
  /** How long to wait for another command that changes it. */
  readonly patienceMs?: number;
}

/** Reads the file; an error says what is wrong with it and where. */
export async function readUsers(
  path: string,
  options: EditOptions = { create: false },
): Promise<Users> {
  const text = await readIfThere(path);
  if (text === undefined) {
    if (options.create) return noUsers;
    const command = `chat-auth add-user NAME --users ${path}`;
    throw new UsageError(`${path} is not there: make it with: ${command}`);
  }
  const users = parseUsers(text);
  if (!users.ok) throw new UsageError(`${path}: ${users.error}`);
  return users.value;
}

/** In words for a person, how others than the owner can read a secret; `undefined`: not at all. */
export async function exposure(path: string): Promise<string | undefined> {
  if (process.platform === "win32") return undefined;
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  return `${path} is open to others (mode ${mode.toString(8)}): chmod 600 ${path}`;
}

/** What the file would hold after an edit, or the error that it would end with. */
export async function rehearseEdit(path: string, edit: Edit, options: EditOptions): Promise<Users> {
  const edited = edit(await readUsers(path, options));
  if (!edited.ok) throw new UsageError(`${edited.error} (${path})`);
  return edited.value;
}

/**
 * Changes the file. Edits at the same time, also of other processes, follow one another.
 *
 * @example
 * ```ts
 * await editUsers("users.json", (users) => removeUser(users, "ann"), { create: false });
 * ```
 */
export async function editUsers(path: string, edit: Edit, options: EditOptions): Promise<void> {
  const target = await realpath(path).catch(() => path); // a link stays a link
  await withLock(`${target}.lock`, options.patienceMs ?? lockPatienceMs, async () => {
    const users = await rehearseEdit(target, edit, options);
    await writeWhole(target, formatUsers(users), { secret: true, replace: true });
  });
}

/**
 * Calls `changed` whenever the file on disk may be another one; returns how to stop that.
 * It looks at the file rather than waiting for events, which differ between systems and are missing
 * on network drives.
 */
export function watchUsers(path: string, changed: () => void): () => void {
  const listener = (): void => changed();
  watchFile(path, { interval: watchIntervalMs, persistent: false }, listener);
  return () => unwatchFile(path, listener);
}

/**
 * The lock is held for milliseconds. One that stays was left by a process that was killed; taking
 * it away by ourselves could not be told from taking it from somebody who works.
 */
async function withLock(
  lock: string,
  patienceMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await create(lock))) {
    if (performance.now() > end) {
      const seconds = patienceMs / 1000;
      const advice = "if no other chat-auth is running, delete it";
      throw new UsageError(`${lock} has been there for over ${seconds} s: ${advice}`, 1);
    }
    await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
  }
  try {
    await work();
  } finally {
    await unlink(lock);
  }
}

async function create(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, "wx", 0o600);
    await file.writeFile(`${process.pid}\n`);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
