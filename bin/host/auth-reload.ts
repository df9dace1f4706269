/**
 * Reads the authentication server's files again: all on SIGHUP, the users file whenever it changes.
 * A bad file is refused with a log line and the old one stays.
 *
 * @module
 */

import { join } from "node:path";
import type { TicketKeys, Users } from "../../lib/mod.ts";
import { oneLine } from "./cli.ts";
import { type Credentials, loadCredentials } from "./credentials.ts";
import type { Log } from "./log.ts";
import { loadTicketKeys } from "./ticket-keys.ts";
import { exposure, readUsers, watchUsers } from "./users-file.ts";

/** Where the files are. */
export interface AuthFiles {
  readonly id: string;
  /** The users file. */
  readonly users: string;
  /** The folder with `<id>.pem`, `<id>.key`, `ca.pem`, `ticket.key` and `ticket.pub`. */
  readonly certs: string;
}

/** What to do with a file that was read and is good. */
export interface AuthReceivers {
  credentials(credentials: Credentials): void;
  keys(keys: TicketKeys): void;
  users(users: Users): void;
}

/** Reads files again, one after another. */
export class AuthReloader {
  readonly #files: AuthFiles;
  readonly #receivers: AuthReceivers;
  readonly #log: Log;
  readonly #stopWatching: () => void;
  #last: Promise<void> = Promise.resolve();

  constructor(files: AuthFiles, receivers: AuthReceivers, log: Log) {
    this.#files = files;
    this.#receivers = receivers;
    this.#log = log;
    this.#stopWatching = watchUsers(files.users, () => void this.users());
  }

  /** Reads every file again; each stands for itself. */
  all(): Promise<void> {
    const { id, certs } = this.#files;
    const { credentials, keys } = this.#receivers;
    this.#read("certificate", () => loadCredentials(certs, id, "auth").then(credentials));
    this.#read("ticket keys", () => loadTicketKeys(certs).then(keys));
    return this.users();
  }

  /** Reads the users file again. */
  users(): Promise<void> {
    return this.#read("users", () => readUsers(this.#files.users).then(this.#receivers.users));
  }

  /** Says which secrets others than the owner can read. */
  async warn(): Promise<void> {
    const { id, users, certs } = this.#files;
    for (const path of [users, join(certs, `${id}.key`), join(certs, "ticket.key")]) {
      const detail = await exposure(path);
      if (detail !== undefined) this.#report("secret-exposed", { detail });
    }
  }

  stop(): void {
    this.#stopWatching();
  }

  #read(what: string, read: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        await read();
        this.#report("reloaded", { what });
      } catch (error) {
        const detail = `${oneLine((error as Error).message)}; the old one stays in use`;
        this.#report("reload-refused", { what, detail });
      }
    });
    return this.#last;
  }

  #report(event: string, facts: object): void {
    this.#log.report({ event, ...facts }, event === "secret-exposed" ? "warn" : undefined);
  }
}
