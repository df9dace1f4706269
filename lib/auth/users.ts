/**
 * The users file as text: reading it with errors that name the record and the field, writing it,
 * and the edits that people make. The file itself, its lock and the password hash are the host's.
 *
 * @module
 */

import * as v from "valibot";
import { failure, type Result, success } from "../base/result.ts";
import { isUsername } from "../wire/fields.ts";

/** A password as it is kept: what scrypt made of it, and with which parameters. */
export interface PasswordRecord {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** Base64. */
  readonly salt: string;
  /** Base64. */
  readonly hash: string;
}

/** One account. */
export interface UserRecord {
  readonly username: string;
  readonly disabled: boolean;
  /**
   * From which second since 1970 a password given counts for this account: a ticket whose
   * `auth_time` lies before it can't be renewed.
   */
  readonly passwordSetAt: number;
  readonly scrypt: PasswordRecord;
}

/** All accounts by user name, in the order of the file. */
export type Users = ReadonlyMap<string, UserRecord>;

/** No accounts. */
export const noUsers: Users = new Map();

/** The cost of new passwords: 128 MiB and most of a second (OWASP's advice for scrypt). */
export const scryptStandard: { readonly N: number; readonly r: number; readonly p: number } = {
  N: 2 ** 17,
  r: 8,
  p: 1,
};

/** The longest password, in bytes. */
export const passwordBytesMax: number = 1024;

const base64 = (least: number, most: number) => {
  const wanted = `base64 of ${least} to ${most} bytes`;
  return v.pipe(
    v.string(wanted),
    v.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, wanted),
    v.check((text) => {
      const bytes = (text.length / 4) * 3 - (text.match(/=/g)?.length ?? 0);
      return bytes >= least && bytes <= most;
    }, wanted),
  );
};
const whole = (least: number, most: number, wanted: string) =>
  v.pipe(v.number(wanted), v.integer(wanted), v.minValue(least, wanted), v.maxValue(most, wanted));

const passwordSchema = v.pipe(
  v.strictObject(
    {
      N: v.pipe(
        whole(2, 2 ** 20, "a power of two up to 1048576"),
        v.check((N) => Number.isInteger(Math.log2(N)), "a power of two up to 1048576"),
      ),
      r: whole(1, 64, "a whole number from 1 to 64"),
      p: whole(1, 16, "a whole number from 1 to 16"),
      salt: base64(8, 64),
      hash: base64(16, 64),
    },
    "an object with N, r, p, salt, hash and nothing else",
  ),
  // More than 128 MiB for one login is a mistake or an attack on the server itself.
  v.check(({ N, r }) => N * r <= 2 ** 20, "N times r to be at most 1048576"),
);

const recordSchema = v.strictObject(
  {
    username: v.pipe(
      v.string("1 to 64 printable ASCII characters without blanks"),
      v.check(isUsername, "1 to 64 printable ASCII characters without blanks"),
    ),
    disabled: v.optional(v.boolean("true or false"), false),
    passwordSetAt: v.optional(whole(0, 2 ** 52, "seconds since 1970"), 0),
    scrypt: passwordSchema,
  },
  "an object with username, disabled, passwordSetAt, scrypt and nothing else",
);

const fileSchema = v.strictObject(
  { version: v.literal(1, "1"), users: v.array(v.unknown(), "a list") },
  "an object with version and users and nothing else",
);

/**
 * Reads the text of a users file. The error is one line that says where and what, never a hash.
 *
 * @example
 * ```ts
 * const users = parseUsers(await readFile("users.json", "utf8"));
 * if (!users.ok) console.error(`users.json: ${users.error}`);
 * ```
 */
export function parseUsers(text: string): Result<Users, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return failure(`not JSON${position(text, error)}`);
  }
  const file = v.safeParse(fileSchema, value, { abortEarly: true });
  if (!file.success) return failure(describe("the file", file.issues[0]));
  const users = new Map<string, UserRecord>();
  for (const [index, entry] of file.output.users.entries()) {
    const record = v.safeParse(recordSchema, entry, { abortEarly: true });
    if (!record.success) return failure(describe(nameOf(index, entry), record.issues[0]));
    const { username } = record.output;
    if (users.has(username)) return failure(`${nameOf(index, entry)}: the name is there twice`);
    users.set(username, record.output);
  }
  return success(users);
}

/**
 * The text of a users file, fit for {@link parseUsers} and for people.
 *
 * @example
 * ```ts
 * await writeFile("users.json", formatUsers(users), { mode: 0o600 });
 * ```
 */
export function formatUsers(users: Users): string {
  return `${JSON.stringify({ version: 1, users: [...users.values()] }, undefined, 2)}\n`;
}

/**
 * The users with a new one. Tickets that an earlier account of this name got are not renewed.
 *
 * @param scrypt what a host's scrypt made of the password
 *
 * @example
 * ```ts
 * const users = addUser(noUsers, "ann", { N: 131072, r: 8, p: 1, salt, hash }, Date.now() / 1000);
 * if (users.ok) await writeFile("users.json", formatUsers(users.value), { mode: 0o600 });
 * ```
 */
export function addUser(
  users: Users,
  username: string,
  scrypt: PasswordRecord,
  unixSeconds: number,
): Result<Users, string> {
  if (!isUsername(username)) {
    return failure("a user name has 1 to 64 printable ASCII characters and no blanks");
  }
  if (users.has(username)) return failure(`there is a user ${JSON.stringify(username)} already`);
  const passwordSetAt = nextSecond(unixSeconds);
  return success(withRecord(users, { username, disabled: false, passwordSetAt, scrypt }));
}

/**
 * The users without one; an error, as one line, if there is no such user.
 *
 * @example
 * ```ts
 * const left = removeUser(users, "ann");
 * if (!left.ok) console.error(left.error); // there is no user "ann"
 * ```
 */
export function removeUser(users: Users, username: string): Result<Users, string> {
  if (!users.has(username)) return unknownUser(username);
  return success(new Map([...users].filter(([name]) => name !== username)));
}

/**
 * The users with a new password for one; tickets got with the old one are not renewed any more.
 * An error, as one line, if there is no such user.
 *
 * @param scrypt what a host's scrypt made of the password
 *
 * @example
 * ```ts
 * const changed = setPassword(users, "ann", { ...scryptStandard, salt, hash }, Date.now() / 1000);
 * ```
 */
export function setPassword(
  users: Users,
  username: string,
  scrypt: PasswordRecord,
  unixSeconds: number,
): Result<Users, string> {
  const record = users.get(username);
  if (record === undefined) return unknownUser(username);
  return success(withRecord(users, { ...record, scrypt, passwordSetAt: nextSecond(unixSeconds) }));
}

/**
 * The users with one disabled or enabled again; an error, as one line, if there is no such user.
 *
 * @example
 * ```ts
 * const changed = setDisabled(users, "ann", true); // no new tickets for ann
 * ```
 */
export function setDisabled(
  users: Users,
  username: string,
  disabled: boolean,
): Result<Users, string> {
  const record = users.get(username);
  if (record === undefined) return unknownUser(username);
  return success(withRecord(users, { ...record, disabled }));
}

/**
 * What is hashed against for a name that nobody has, so that it takes as long as a wrong password:
 * the parameters that most accounts have.
 */
export function dummyPassword(users: Users): PasswordRecord {
  const counts = new Map<string, { readonly scrypt: typeof scryptStandard; count: number }>();
  let most: { readonly scrypt: typeof scryptStandard; count: number } | undefined;
  for (const { scrypt } of users.values()) {
    const key = `${scrypt.N} ${scrypt.r} ${scrypt.p}`;
    const entry = counts.get(key) ?? { scrypt, count: 0 };
    entry.count++;
    counts.set(key, entry);
    if (most === undefined || entry.count > most.count) most = entry;
  }
  const { N, r, p } = most?.scrypt ?? scryptStandard;
  return { N, r, p, salt: `${"A".repeat(22)}==`, hash: `${"A".repeat(43)}=` };
}

/**
 * A login may have happened earlier in the very second of the edit, and a ticket knows only whole
 * seconds; so passwords count from the next one.
 */
function nextSecond(unixSeconds: number): number {
  return Math.floor(unixSeconds) + 1;
}

function withRecord(users: Users, record: UserRecord): Users {
  return new Map(users).set(record.username, record);
}

function unknownUser(username: string): { readonly ok: false; readonly error: string } {
  return failure(`there is no user ${JSON.stringify(username)}`);
}

function nameOf(index: number, entry: unknown): string {
  const { username } = (entry ?? {}) as { readonly username?: unknown };
  const known = typeof username === "string" && isUsername(username);
  return `user ${index + 1}${known ? ` (${JSON.stringify(username)})` : ""}`;
}

function describe(where: string, issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  const field = path === null ? where : `${where}: ${path}`;
  if (issue.expected === "never") return `${field} is no known field`;
  return issue.received === "undefined"
    ? `${field} is missing`
    : `${field}: expected ${issue.message}`;
}

/** The engines' own message quotes the text, and with it perhaps a hash. */
function position(text: string, error: unknown): string {
  const at = /position (\d+)/.exec((error as Error).message)?.[1];
  if (at === undefined) return "";
  const before = text.slice(0, Number(at)).split("\n");
  return ` at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
