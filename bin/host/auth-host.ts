/**
 * Runs the authentication server: the machine on TLS, a real clock and scrypt.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import process from "node:process";
import {
  type AuthEffect,
  type AuthEvent,
  type AuthInput,
  type AuthState,
  authMachine,
  authRequests,
  authStandard,
  type ConnectionId,
  clientFrameBytesMax,
  createAuth,
  Driver,
  formatMessage,
  frameError,
  parseMessage,
} from "../../lib/mod.ts";
import { type AuthFiles, AuthReloader } from "./auth-reload.ts";
import { UsageError } from "./cli.ts";
import { type Clock, createClock } from "./clock.ts";
import { loadCredentials } from "./credentials.ts";
import { createLog, type Log, type LogFormat, type LogLevel } from "./log.ts";
import { passwordMatches } from "./passwords.ts";
import { loadTicketKeys } from "./ticket-keys.ts";
import { createTlsTransport } from "./tls-transport.ts";
import type { Listener, ListenerEvents, Transport } from "./transport.ts";
import { readUsers } from "./users-file.ts";

/** What `chat-auth serve` is told. */
export interface AuthOptions extends AuthFiles {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly log?: LogFormat | undefined;
  readonly logLevel?: LogLevel | undefined;
}

/** How long logins that wait for their hash may still take when the server is to stop. */
const drainMs = 8000;
/** Answers are short; who lets more than this wait does not read. */
const waitingBytesMax = 64 * 1024;

type AuthDriver = Driver<AuthState, AuthInput, AuthEffect>;

/** Runs the authentication server until a signal ends the process. */
export async function serveAuth(options: AuthOptions): Promise<void> {
  const { id, certs } = options;
  const credentials = await loadCredentials(certs, id, "auth");
  const keys = await loadTicketKeys(certs);
  const users = await readUsers(options.users);
  const log = createLog({ serverid: id, format: options.log, level: options.logLevel });
  const clock = createClock();
  const transport = createTlsTransport(credentials);
  const perform = (effect: AuthEffect) => performEffect(effect, { transport, log, clock, driver });
  const state = createAuth({ ...authStandard, issuer: id }, users, keys, clock.now());
  const tick = (at: number): AuthInput => ({ type: "tick", at });
  const driver: AuthDriver = new Driver(authMachine, state, { ...clock, perform }, tick);
  const listener = await listen(transport, options, listenerEvents(driver, clock, log));
  driver.start();
  const receivers = {
    credentials: transport.useCredentials.bind(transport),
    keys: (next: typeof keys) =>
      driver.input({ type: "keys-changed", at: clock.now(), keys: next }),
    users: (next: typeof users) =>
      driver.input({ type: "users-changed", at: clock.now(), users: next }),
  };
  const reloader = new AuthReloader(options, receivers, log);
  process.on("SIGHUP", () => void reloader.all());
  await reloader.warn();
  report(log, { event: "ready", host: options.host, port: listener.port, users: users.size });
  const signal = await stopSignal();
  report(log, { event: "stopping", reason: signal });
  listener.close();
  reloader.stop();
  await drained(driver, clock);
  transport.close();
  report(log, { event: "stopped", reason: signal });
  await log.flush();
  process.exit(0);
}

async function listen(
  transport: Transport,
  { host, port }: AuthOptions,
  events: ListenerEvents,
): Promise<Listener> {
  const lineBytesMax = clientFrameBytesMax;
  try {
    return await transport.listen(
      { host, port, minVersion: "TLSv1.2", lineBytesMax, waitingBytesMax },
      events,
    );
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const advice = code === "EADDRINUSE" ? "something listens there already; " : "";
    throw new UsageError(
      `can't listen on ${host} port ${port} (${code ?? message}): ` +
        `${advice}choose another --host or --port`,
    );
  }
}

function listenerEvents(driver: AuthDriver, clock: Clock, log: Log): ListenerEvents {
  const malformed = (connection: ConnectionId, error: ReturnType<typeof frameError>) =>
    driver.input({ type: "malformed", at: clock.now(), connection, error });
  return {
    opened: (connection, { address }) =>
      driver.input({ type: "opened", at: clock.now(), connection, address }),
    lines: (connection, lines) => {
      for (const line of lines) {
        const parsed = parseMessage(authRequests, line);
        if (!parsed.ok) {
          malformed(connection, parsed.error);
          if (parsed.error.fatal) return;
          continue;
        }
        driver.input({
          type: "received",
          at: clock.now(),
          connection,
          message: parsed.value,
          size: line.length,
          unixSeconds: Math.floor(Date.now() / 1000),
          random: new Uint8Array(randomBytes(16)),
        });
      }
    },
    broken: (connection, error) => malformed(connection, frameError(error, clientFrameBytesMax)),
    closed: (connection) => driver.input({ type: "closed", at: clock.now(), connection }),
    turnedAway: (address, cause) => report(log, { event: "tls-refused", address, cause }),
  };
}

interface AuthWorld {
  readonly transport: Transport;
  readonly log: Log;
  readonly clock: Clock;
  readonly driver: AuthDriver;
}

function performEffect(effect: AuthEffect, world: AuthWorld): void {
  const { transport, log } = world;
  switch (effect.type) {
    case "send":
      transport.send(effect.to, formatMessage(effect.message));
      break;
    case "close":
      transport.end(effect.connection);
      break;
    case "pause":
      transport.pause(effect.connection);
      break;
    case "resume":
      transport.resume(effect.connection);
      break;
    case "hash":
      void hash(effect, world);
      break;
    case "report":
      report(log, effect.event);
      break;
  }
}

async function hash(
  { request, password, record }: Extract<AuthEffect, { readonly type: "hash" }>,
  { driver, clock, log }: AuthWorld,
): Promise<void> {
  let matches: boolean | undefined;
  try {
    matches = await passwordMatches(password, record);
  } catch (error) {
    report(log, { event: "hash-failed", detail: (error as Error).message });
  }
  driver.input({ type: "hashed", at: clock.now(), request, matches });
}

type Told = AuthEvent | { readonly event: string; readonly [fact: string]: unknown };

/** Whom the throttle or the queue turns away may come back a thousand times a second. */
function report(log: Log, event: Told): void {
  const frequent =
    event.event === "connection-refused" ||
    ("reason" in event && (event.reason === "throttled" || event.reason === "busy"));
  log.report(event, frequent ? "debug" : undefined);
}

/** The first signal; a second one stops at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** Waits until the logins that came in are answered and the answers sent, but not for long. */
async function drained(driver: AuthDriver, clock: Clock): Promise<void> {
  const end = clock.now() + drainMs;
  for (let idle = false; !idle && clock.now() < end; ) {
    const { running, waiting } = driver.state.queue;
    idle = running.length + waiting.length === 0;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
