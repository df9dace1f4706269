/**
 * The process of a chat server: its files, its ports, its signals and its end.
 *
 * @module
 */

import process from "node:process";
import { formatAddress } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import { createClock } from "./clock.ts";
import { loadCredentials, type OwnCertificate } from "./credentials.ts";
import { adaptiveSchedule } from "./flush-schedule.ts";
import { createLog, type Log, type LogEvent } from "./log.ts";
import { withRoutes } from "./peer-routes.ts";
import { rosterKeeper } from "./roster-file.ts";
import { ServerHost } from "./server-host.ts";
import type { ServerSettings } from "./server-settings.ts";
import { loadTicketVerifier } from "./ticket-keys.ts";
import { createTlsTransport } from "./tls-transport.ts";
import type { Listener, Transport } from "./transport.ts";

/** How long the last bytes may take to leave before the process ends all the same. */
const farewellMs = 500;
/** A certificate with less left than this is worth a warning. */
const expiryWarningDays = 14;
const dayMs = 86_400_000;

/** Runs a chat server until it is drained, has to give up, or is killed. */
export async function runServer(settings: ServerSettings): Promise<void> {
  const { config, certs } = settings;
  const { serverid, timing } = config;
  const credentials = await loadCredentials(certs, serverid, "server");
  const verify = await loadTicketVerifier(certs);
  const log = createLog({ serverid, format: settings.log, level: settings.logLevel });
  const transport = withRoutes(
    createTlsTransport(credentials, adaptiveSchedule()),
    settings.peerRoutes,
  );
  const end = endOnce(log, transport, () => server.connections);
  const clock = createClock();
  const keepRoster = rosterKeeper(settings.data, serverid, (detail) =>
    log.report({ event: "roster-failed", detail } as LogEvent, "error"),
  );
  const world = { transport, clock, log, verify, keepRoster, stopped: end };
  const server = new ServerHost(config, world);
  const listeners = await listen(server, settings);
  crashLoudly(log);
  log.report({ event: "starting", ...factsOf(settings, listeners.host) } as LogEvent);
  warnOfExpiry(log, credentials.own);
  onStopSignals(() => {
    server.drain();
    // Whatever keeps the machine from ending must not keep the process.
    setTimeout(() => end(1), timing.drainMs + 1000).unref();
  });
  process.on("SIGHUP", () => void reload(settings, server, transport, log));
  server.start();
}

/** Both ports, or one line that says which one can't be had. */
async function listen(
  server: ServerHost,
  settings: ServerSettings,
): Promise<{ readonly host: string; readonly listeners: readonly Listener[] }> {
  const { listenHost, listenElsewhere, clientPort, peerPort } = settings;
  const everywhere = listenHost.includes(":") ? "::" : "0.0.0.0";
  const bind = async (host: string) => ({
    host,
    listeners: [
      await server.listenForClients(host, clientPort).catch(explain("client", host, clientPort)),
      await server.listenForPeers(host, peerPort).catch(explain("peer", host, peerPort)),
    ],
  });
  try {
    return await bind(listenHost);
  } catch (error) {
    const isOurs = (error as { readonly cause?: unknown }).cause !== notOurs;
    if (isOurs || !listenElsewhere) throw error;
    return await bind(everywhere);
  }
}

/** Why a {@link UsageError} came about: the address is none of this machine's. */
const notOurs = "not ours";

function explain(kind: string, host: string, port: number): (error: Error) => never {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException;
    const where = `the ${kind} port ${formatAddress({ host, port })}`;
    if (code === "EADDRINUSE") {
      throw new UsageError(`${where} is in use: stop what runs there, or choose another port`, 1);
    }
    if (code === "EACCES") throw new UsageError(`${where} needs more rights: use one over 1023`, 1);
    const failed = new UsageError(`can't listen on ${where}: ${code ?? error.message}`, 1);
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") failed.cause = notOurs;
    throw failed;
  };
}

function factsOf({ config }: ServerSettings, host: string): object {
  return {
    host,
    client: formatAddress(config.client),
    peer: formatAddress(config.peer),
    partition: config.partition,
    waitsfor: config.contacts.map(({ serverid, address }) => serverid ?? formatAddress(address)),
  };
}

/** SIGTERM and SIGINT drain; a second one ends at once. */
function onStopSignals(drain: () => void): void {
  let asked = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1);
      asked = true;
      drain();
    });
  }
}

/** How to end the process, once: what was sent last still gets its time to leave. */
function endOnce(
  log: Log,
  transport: Transport,
  connections: () => number,
): (status: 0 | 1) => void {
  let ending = false;
  return (status) => {
    if (ending) return;
    ending = true;
    void endAfterFarewell(log, transport, connections, status);
  };
}

async function endAfterFarewell(
  log: Log,
  transport: Transport,
  connections: () => number,
  status: 0 | 1,
): Promise<never> {
  const last = performance.now() + farewellMs;
  do {
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (connections() > 0 && performance.now() < last);
  transport.close();
  await log.flush();
  process.exit(status);
}

/** Reads certificates, revocations and ticket keys again; what is bad leaves the old ones. */
async function reload(
  { certs, config }: ServerSettings,
  server: ServerHost,
  transport: Transport,
  log: Log,
): Promise<void> {
  try {
    const credentials = await loadCredentials(certs, config.serverid, "server");
    const verify = await loadTicketVerifier(certs);
    transport.useCredentials(credentials);
    server.useVerifier(verify);
    log.report({ event: "reloaded", revoked: credentials.revoked.size } as LogEvent);
    warnOfExpiry(log, credentials.own);
  } catch (error) {
    const detail = (error as Error).message;
    log.report({ event: "reload-refused", detail } as LogEvent);
  }
}

function warnOfExpiry(log: Log, { validUntil }: OwnCertificate): void {
  const days = Math.floor((validUntil - Date.now()) / dayMs);
  if (days >= expiryWarningDays) return;
  log.report({ event: "certificate-expires", days } as LogEvent, "warn");
}

/**
 * A bug of ours ends the process, as nothing it knows can be trusted any longer; but not silently.
 */
function crashLoudly(log: Log): void {
  const crash = (error: unknown): void => {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.report({ event: "internal-error", detail } as LogEvent, "error");
    void log.flush().then(() => process.exit(1));
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}
