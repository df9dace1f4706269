/**
 * Files written whole or not at all, and read with errors that a person can act on.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "./cli.ts";

/** How to write a file. */
export interface WriteOptions {
  /** Readable by the owner only, from the first byte on. */
  readonly secret: boolean;
  /** Whether a file of that name is replaced; otherwise it is an error (`EEXIST`). */
  readonly replace: boolean;
}

/**
 * Writes a file so that readers see the old content or the new one, also after a power cut.
 *
 * @example
 * ```ts
 * await writeWhole("certs/s1.key", pem, { secret: true, replace: true });
 * ```
 */
export async function writeWhole(path: string, text: string, options: WriteOptions): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeDraft(draft, text, options.secret ? 0o600 : 0o644);
    // A link, unlike a rename, fails when somebody else was quicker.
    if (options.replace) await rename(draft, path);
    else await link(draft, path);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? error : unwritable(path, error);
  } finally {
    await unlink(draft).catch(() => {}); // it is gone after a rename
  }
  await syncFolder(dirname(path));
}

async function writeDraft(draft: string, text: string, mode: number): Promise<void> {
  const file = await open(draft, "wx", mode);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function unwritable(path: string, error: unknown): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = "nothing was changed; make room there, or see to the rights, and try again";
  return new UsageError(`${path} can't be written (${code ?? message}): ${advice}`, 1);
}

/** Makes the new name itself durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {}); // not every file system can
  await handle?.close();
}

/**
 * The text of a file; an error that names it and says what to do next when it can't be read.
 *
 * @param advice what to do when it is not there, as the end of a sentence
 */
export async function readText(path: string, advice: string): Promise<string> {
  const text = await readIfThere(path);
  if (text === undefined) throw new UsageError(`${path} is not there: ${advice}`);
  return text;
}

/** The text of a file, or `undefined` when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new UsageError(`${path} can't be read (${code ?? message})`);
  }
}
