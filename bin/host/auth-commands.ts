/**
 * What `chat-auth` understands: running the authentication server, and managing its users file.
 *
 * @module
 */

import type { CAC } from "cac";
import * as v from "valibot";
import {
  addUser,
  asServerId,
  type PasswordRecord,
  removeUser,
  scryptStandard,
  setDisabled,
  setPassword,
  type Users,
} from "../../lib/mod.ts";
import { serveAuth } from "./auth-host.ts";
import { type Flags, validate } from "./cli.ts";
import { logFormats, logLevels } from "./log.ts";
import { readNewPassword } from "./password-prompt.ts";
import { hashPassword } from "./passwords.ts";
import { type Edit, type EditOptions, editUsers, readUsers, rehearseEdit } from "./users-file.ts";

const path = v.pipe(v.string("a file"), v.nonEmpty("a file"));
const usersFlags = v.object({
  users: path,
  passwordStdin: v.optional(v.boolean("no value"), false),
});
const serveFlags = v.object({
  id: v.pipe(
    v.string("an id"),
    v.check((id) => asServerId(id) !== undefined, 'an id: 1 to 32 letters, digits, ".", "_", "-"'),
  ),
  host: v.pipe(v.string("a host"), v.nonEmpty("a host")),
  port: v.pipe(
    v.string("a port"),
    v.regex(/^\d{1,5}$/, "a port from 0 to 65535 (0: any free one)"),
    v.transform(Number),
    v.maxValue(65535, "a port from 0 to 65535 (0: any free one)"),
  ),
  users: path,
  certs: v.pipe(v.string("a folder"), v.nonEmpty("a folder")),
  log: v.optional(v.picklist(logFormats, logFormats.join(" or "))),
  logLevel: v.optional(v.picklist(logLevels, logLevels.join(", "))),
});
const usersFlag = ["--users <file>", "The users file", { default: "users.json" }] as const;
const stdinFlag = ["--password-stdin", "Read the password from standard input, one line"] as const;

/** The commands of `chat-auth`, for `runCli`. */
export function authCommands(cli: CAC): void {
  cli
    .command("serve", "Run the authentication server")
    .option("--id <id>", "Which certificate: <id>.pem, <id>.key", { default: "auth" })
    .option("--host <host>", "Where to listen; 0.0.0.0 or :: for everywhere", {
      default: "127.0.0.1",
    })
    .option("--port <port>", "Where to listen", { default: 4440 })
    .option(...usersFlag)
    .option("--certs <folder>", "Certificates and ticket keys", { default: "certs" })
    .option("--log <format>", "json or pretty (default: pretty on a terminal)")
    .option("--log-level <level>", "debug, info, warn or error")
    .action((flags: Flags) => serveAuth(validate("flag", serveFlags, flags)));
  passwordCommand(cli, "add-user", "Add a user", addUser, { create: true });
  passwordCommand(cli, "set-password", "Give a user a new password", setPassword);
  editCommand(cli, "remove-user", "Remove a user", removeUser);
  editCommand(cli, "disable-user", "Let a user log in no longer", (users, name) =>
    setDisabled(users, name, true),
  );
  editCommand(cli, "enable-user", "Let a disabled user log in again", (users, name) =>
    setDisabled(users, name, false),
  );
  cli
    .command("list-users", "Show the users")
    .option(...usersFlag)
    .action(async (flags: Flags) => {
      for (const { username, disabled } of (await readUsers(usersFlagsOf(flags).users)).values()) {
        console.log(disabled ? `${username} (disabled)` : username);
      }
    });
}

function editCommand(
  cli: CAC,
  name: string,
  description: string,
  edit: (users: Users, username: string) => ReturnType<Edit>,
): void {
  cli
    .command(`${name} <name>`, description)
    .option(...usersFlag)
    .action(async (username: string, flags: Flags) => {
      const { users } = usersFlagsOf(flags);
      await editUsers(users, (current) => edit(current, username), { create: false });
      console.log(`${name} ${username}: done (${users})`);
    });
}

function passwordCommand(
  cli: CAC,
  name: string,
  description: string,
  edit: typeof addUser | typeof setPassword,
  options: EditOptions = { create: false },
): void {
  cli
    .command(`${name} <name>`, description)
    .option(...usersFlag)
    .option(...stdinFlag)
    .action(async (username: string, flags: Flags) => {
      const { users, passwordStdin } = usersFlagsOf(flags);
      // Nobody should type a password twice to hear that the name is taken.
      await rehearseEdit(users, (current) => edit(current, username, blank, 0), options);
      const record = await hashPassword(await readNewPassword(passwordStdin));
      const now = Date.now() / 1000;
      await editUsers(users, (current) => edit(current, username, record, now), options);
      console.log(`${name} ${username}: done (${users})`);
    });
}

const blank: PasswordRecord = { ...scryptStandard, salt: "", hash: "" };

function usersFlagsOf(flags: Flags): v.InferOutput<typeof usersFlags> {
  return validate("flag", usersFlags, flags);
}
