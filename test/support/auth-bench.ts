/**
 * An authentication server in virtual time, with a password `right` for every user and hashes that
 * take no time unless a test holds them back.
 *
 * @module
 */

import type { AuthEffect, AuthEvent, AuthInput, TicketKeys } from "../../lib/auth/auth-inputs.ts";
import { authMachine } from "../../lib/auth/auth-machine.ts";
import {
  type AuthConfig,
  type AuthState,
  authStandard,
  createAuth,
} from "../../lib/auth/auth-state.ts";
import { readTicket, type TicketClaims } from "../../lib/auth/ticket.ts";
import type { UserRecord, Users } from "../../lib/auth/users.ts";
import type { ConnectionId } from "../../lib/base/ids.ts";
import type { AuthReply, AuthRequest } from "../../lib/wire/auth-messages.ts";

/** Keys that cost nothing: what matters here is who gets a ticket, not how it is signed. */
export const benchKeys: TicketKeys = {
  sign: () => new Uint8Array(64).fill(42),
  verify: (_, signature) => signature.every((byte) => byte === 42),
};

/** A user whose password is cheap to check. */
export function user(username: string, change: Partial<UserRecord> = {}): UserRecord {
  const scrypt = {
    N: 1024,
    r: 8,
    p: 1,
    salt: "AAECAwQFBgcICQoLDA0ODw==",
    hash: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
  };
  return { username, disabled: false, passwordSetAt: 0, scrypt, ...change };
}

/** A users file of these. */
export function usersOf(...records: readonly UserRecord[]): Users {
  return new Map(records.map((record) => [record.username, record]));
}

/** A login that is refused in the end. */
export function wrong(username: string): AuthRequest {
  return { type: "login", username, password: "wrong" };
}

/** The answer to a refused login. */
export function refusal(reason: string, retryafter?: string): LoginReply {
  const refused = { type: "login", approved: "false", reason };
  return retryafter === undefined ? refused : { ...refused, retryafter };
}

/** The fields of an answer to a login, all as optional texts. */
export interface LoginReply {
  readonly approved?: string;
  readonly ticket?: string;
  readonly expires?: string;
  readonly reason?: string;
  readonly retryafter?: string;
}

type Hash = Extract<AuthEffect, { type: "hash" }>;

/** The server and the hands of its host. */
export class AuthBench {
  at = 0;
  state: AuthState;
  readonly effects: AuthEffect[] = [];
  readonly reports: AuthEvent[] = [];
  #connections = 0;

  constructor(
    config: Partial<AuthConfig> = {},
    users: Users = usersOf(user("ann"), user("bob"), user("off", { disabled: true })),
  ) {
    this.state = createAuth({ ...authStandard, ...config }, users, benchKeys, 0);
  }

  /** The wall-clock time, which passes as the virtual one does. */
  get unixSeconds(): number {
    return 1_800_000_000 + Math.floor(this.at / 1000);
  }

  input(input: AuthInput): void {
    const { state, effects } = authMachine.step(this.state, input);
    this.state = state;
    for (const effect of effects) {
      if (effect.type === "report") this.reports.push(effect.event);
      this.effects.push(effect);
    }
  }

  /** Lets time pass, deadline by deadline. */
  sleep(ms: number): void {
    const end = this.at + ms;
    for (let due = this.nextDeadline(); due !== undefined && due <= end; ) {
      if (due < this.at) throw new Error(`a deadline at ${due} lies before ${this.at}`);
      this.at = due;
      this.input({ type: "tick", at: this.at });
      const next = this.nextDeadline();
      if (next === due) throw new Error(`the deadline at ${due} stays after its tick`);
      due = next;
    }
    this.at = end;
    this.input({ type: "tick", at: this.at });
  }

  nextDeadline(): number | undefined {
    return authMachine.nextDeadline(this.state);
  }

  open(address = "10.0.0.1"): ConnectionId {
    const connection = ++this.#connections as ConnectionId;
    this.input({ type: "opened", at: this.at, connection, address });
    return connection;
  }

  ask(connection: ConnectionId, message: AuthRequest): void {
    const { at, unixSeconds } = this;
    const random = new Uint8Array(16).fill(1);
    this.input({ type: "received", at, connection, message, size: 100, unixSeconds, random });
  }

  /** Takes the effects of one type out of those that wait. */
  take<Type extends AuthEffect["type"]>(type: Type): Extract<AuthEffect, { type: Type }>[] {
    const all = this.effects.splice(0);
    this.effects.push(...all.filter((effect) => effect.type !== type));
    return all.filter((effect) => effect.type === type) as Extract<AuthEffect, { type: Type }>[];
  }

  replies(): readonly AuthReply[] {
    return this.take("send").map(({ message }) => message);
  }

  hashed(hash: Hash | undefined, matches: boolean): void {
    if (hash === undefined) throw new Error("no hash was asked for");
    this.input({ type: "hashed", at: this.at, request: hash.request, matches });
  }

  /** A whole login on a connection of its own. */
  login(
    username: string,
    password: string,
    options: { readonly identity?: string; readonly address?: string } = {},
  ): LoginReply {
    const { address, ...identity } = options;
    return this.#exchange({ type: "login", username, password, ...identity }, address);
  }

  renew({ ticket = "" }: LoginReply, address?: string): LoginReply {
    return this.#exchange({ type: "login", ticket }, address);
  }

  /** What the ticket of an answer says. */
  read({ ticket = "" }: LoginReply): TicketClaims | undefined {
    const read = readTicket(ticket, { unixSeconds: this.unixSeconds, verify: benchKeys.verify });
    return read.ok ? read.value : undefined;
  }

  #exchange(message: AuthRequest, address?: string): LoginReply {
    const connection = this.open(address);
    this.ask(connection, message);
    for (const hash of this.take("hash")) this.hashed(hash, hash.password === "right");
    const [reply] = this.replies();
    this.input({ type: "closed", at: this.at, connection });
    return reply as LoginReply;
  }
}
