/**
 * Password hashes: scrypt of node:crypto, off the event loop. Who calls it sees to it that only two
 * run at a time: each takes 128 MiB, and on Node a thread of the pool that files and DNS need too.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { type PasswordRecord, passwordBytesMax, scryptStandard } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";

/** The default of the runtimes refuses the cost we want. */
const memoryMax = 256 * 1024 * 1024;

type Cost = Pick<PasswordRecord, "N" | "r" | "p">;

/** The record of a new password. */
export async function hashPassword(
  password: string,
  cost: Cost = scryptStandard,
): Promise<PasswordRecord> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, 32, cost);
  const { N, r, p } = cost;
  return { N, r, p, salt: salt.toString("base64"), hash: hash.toString("base64") };
}

/** Whether the password is the one of the record; takes as long when it is not. */
export async function passwordMatches(password: string, record: PasswordRecord): Promise<boolean> {
  const wanted = Buffer.from(record.hash, "base64");
  const salt = Buffer.from(record.salt, "base64");
  return timingSafeEqual(await derive(password, salt, wanted.length, record), wanted);
}

/** The password, or an error that says why it can't be one. */
export function checkPassword(password: string): string {
  if (password === "") throw new UsageError("the password is empty; choose a longer one");
  if (bytesOf(password).length > passwordBytesMax) {
    throw new UsageError(`a password has at most ${passwordBytesMax} bytes`);
  }
  return password;
}

function derive(
  password: string,
  salt: Uint8Array,
  length: number,
  { N, r, p }: Cost,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(bytesOf(password), salt, length, { N, r, p, maxmem: memoryMax }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** Keyboards differ in how they compose an accented letter; it must stay the same password. */
function bytesOf(password: string): Buffer {
  return Buffer.from(password.normalize("NFC"), "utf8");
}
