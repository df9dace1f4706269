/**
 * What a chat server is told: flags, a settings file with the same keys, and the servers file, all
 * checked before there is a server. Flags win over the settings file.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import type { CAC } from "cac";
import * as v from "valibot";
import {
  asServerId,
  type Contact,
  checkTiming,
  defaultTiming,
  formatAddress,
  parseAddress,
  type ServerConfig,
  type ServerId,
  type Timing,
} from "../../lib/mod.ts";
import { type Flags, UsageError, validate } from "./cli.ts";
import { readText } from "./files.ts";
import { addressFlag, portFlag } from "./flag-schemas.ts";
import { type LogFormat, type LogLevel, logFormats, logLevels } from "./log.ts";
import { type PeerRoutes, peerRoutesSchema } from "./peer-routes.ts";
import { readRoster } from "./roster-file.ts";
import { ownServer, parseServersFile } from "./servers-file.ts";

/** Everything `chat-server` needs in order to run. */
export interface ServerSettings {
  readonly config: ServerConfig;
  /** Where to listen; differs from what is told to others behind a gateway. */
  readonly listenHost: string;
  /** Whether to listen on every address should that host be none of this machine's. */
  readonly listenElsewhere: boolean;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly certs: string;
  /** Where peers are reached from here, if not at the address that they tell. */
  readonly peerRoutes: PeerRoutes;
  /** Where the roster of the mode `majority` is kept. */
  readonly data: string;
  readonly log: LogFormat | undefined;
  readonly logLevel: LogLevel | undefined;
}

const word = (what: string) => v.pipe(v.string(what), v.nonEmpty(what));
const rate: v.GenericSchema<unknown, number> = v.pipe(
  v.string("a number of messages a second"),
  v.regex(/^\d{1,6}(\.\d{1,3})?$/, "a number of messages a second; 0 for unlimited"),
  v.transform(Number),
);
const id: v.GenericSchema<unknown, ServerId> = v.custom<ServerId>(
  (value) => typeof value === "string" && asServerId(value) !== undefined,
  'an id of 1 to 32 letters, digits, ".", "_", "-"',
);

/** Keys that a flag and the settings file share; none has a default here, as flags win. */
const shared = {
  id: v.exactOptional(id),
  servers: v.exactOptional(word("a file")),
  host: v.exactOptional(word("a host")),
  clientPort: v.exactOptional(portFlag),
  peerPort: v.exactOptional(portFlag),
  join: v.exactOptional(v.array(addressFlag, "a list of host:port")),
  advertise: v.exactOptional(addressFlag),
  certs: v.exactOptional(word("a folder")),
  auth: v.exactOptional(addressFlag),
  partition: v.exactOptional(v.picklist(["available", "majority"], "available or majority")),
  messageRate: v.exactOptional(rate),
  data: v.exactOptional(word("a folder")),
  log: v.exactOptional(v.picklist(logFormats, logFormats.join(" or "))),
  logLevel: v.exactOptional(v.picklist(logLevels, logLevels.join(", "))),
};
const flagSchema = v.object({ ...shared, config: v.exactOptional(word("a file")) });
const timingKeys = Object.keys(defaultTiming) as (keyof Timing)[];
const fileSchema = v.object({
  ...shared,
  peerRoutes: v.exactOptional(peerRoutesSchema),
  timing: v.exactOptional(
    v.strictObject(
      v.entriesFromList(timingKeys, v.exactOptional(v.number("a number of milliseconds"))),
      "an object of times in milliseconds (only those that there are)",
    ),
  ),
});
type Given = v.InferOutput<typeof fileSchema>;

/** Declares the flags of the server itself. */
export function serverFlags(cli: CAC): ReturnType<CAC["command"]> {
  return cli
    .command("", "Run a chat server: of a servers file (-l), or by itself (--host, ports, --join)")
    .option("-n, --id <id>", "Its id; its certificate is <id>.pem in the folder of --certs")
    .option("-l, --servers <file>", "All servers: id, host, client port, peer port, tab-separated")
    .option("--host <host>", "Where to listen (with -l: the host of its own line if it is ours)")
    .option("--client-port <port>", "Where clients connect")
    .option("--peer-port <port>", "Where other servers and admins connect")
    .option("--join <host:port>", "The peer address of any member; may be repeated", { type: [] })
    .option("--advertise <host:port>", "The client address told to others, if it is another one")
    .option("--certs <folder>", "Certificates and ticket.pub (default: certs)")
    .option("--auth <host:port>", "Told to clients that still have to log in")
    .option("--partition <mode>", "available or majority (default: available)")
    .option("--message-rate <number>", "Messages a second of one client (default: 0, unlimited)")
    .option("--data <folder>", "Where the mode majority keeps its roster (default: data)")
    .option("--log <format>", "json or pretty (default: pretty on a terminal)")
    .option("--log-level <level>", "debug, info, warn or error")
    .option("--config <file>", "A JSON file with the same keys; flags win over it");
}

/** Reads the flags and the files they name; throws a {@link UsageError} for what does not fit. */
export async function readServerSettings(flags: Flags): Promise<ServerSettings> {
  const { config: path, ...fromFlags } = validate("flag", flagSchema, present(flags));
  const fromFile: Given = path === undefined ? {} : await readSettingsFile(path);
  const given: Given = { ...fromFile, ...fromFlags };
  const { id: serverid } = given;
  if (serverid === undefined) {
    throw new UsageError("say who it is: -n ID (chat-server --help shows what there is)");
  }
  const timing = checkTiming({ ...defaultTiming, ...(given.timing as Partial<Timing>) });
  if (!timing.ok) throw new UsageError(`${path} key "timing": ${timing.error}`);
  const place = await placeOf(given, serverid);
  const { partition = "available", data = "data" } = given;
  const kept = partition === "majority" ? await readRoster(data, serverid) : undefined;
  return {
    ...place.ports,
    listenHost: place.listenHost,
    listenElsewhere: given.host === undefined,
    config: {
      serverid,
      ...place.told,
      auth: given.auth,
      partition,
      roster: kept ?? place.listed,
      messageRate: given.messageRate ?? 0,
      seed: randomInt(2 ** 32),
      timing: timing.value,
    },
    certs: given.certs ?? "certs",
    peerRoutes: given.peerRoutes ?? new Map(),
    data,
    log: given.log,
    logLevel: given.logLevel,
  };
}

/** Where a server sits, and whom it knows. */
interface Place {
  readonly listenHost: string;
  readonly ports: { readonly clientPort: number; readonly peerPort: number };
  /** The servers of the file; a newcomer learns from the others who there is. */
  readonly listed: readonly ServerId[];
  readonly told: Pick<ServerConfig, "client" | "peer" | "contacts" | "mustJoin">;
}

async function placeOf(given: Given, serverid: ServerId): Promise<Place> {
  const { servers, clientPort, peerPort, join } = given;
  if (servers === undefined) return newcomerPlace(given);
  const other = Object.entries({ clientPort, peerPort, join }).find(([, each]) => each);
  if (other !== undefined) {
    const flag = { clientPort: "--client-port", peerPort: "--peer-port", join: "--join" }[other[0]];
    throw new UsageError(`${flag} and -l exclude each other: with -l the file says it all`);
  }
  const advice =
    "write it: id, host, client port, peer port, tab-separated, a line for each server";
  const listed = parseServersFile(servers, await readText(servers, advice));
  const { own, others } = ownServer(servers, listed, serverid);
  return {
    listenHost: given.host ?? own.client.host,
    ports: { clientPort: own.client.port, peerPort: own.peer.port },
    listed: listed.map((each) => each.serverid),
    told: {
      client: given.advertise ?? own.client,
      peer: own.peer,
      contacts: others.map((each): Contact => ({ serverid: each.serverid, address: each.peer })),
      mustJoin: false,
    },
  };
}

function newcomerPlace({ host, clientPort, peerPort, join = [], advertise }: Given): Place {
  if (host === undefined || clientPort === undefined || peerPort === undefined) {
    const form = "-n ID -l FILE, or -n ID --host HOST --client-port PORT --peer-port PORT";
    throw new UsageError(`say where it is to listen: ${form} (--join HOST:PORT for a cluster)`);
  }
  if (clientPort === peerPort) throw new UsageError("--client-port and --peer-port are the same");
  const listenHost = host.replace(/^\[(.+)\]$/, "$1");
  const client = advertise ?? { host: listenHost, port: clientPort };
  if (parseAddress(formatAddress(client)) === undefined) {
    throw new UsageError(`--host: "${host}" is no host name or IP address`);
  }
  if (["0.0.0.0", "::"].includes(client.host)) {
    throw new UsageError(`nobody can connect to ${client.host}: add --advertise HOST:PORT`);
  }
  const peerHost = ["0.0.0.0", "::"].includes(listenHost) ? client.host : listenHost;
  return {
    listenHost,
    ports: { clientPort, peerPort },
    listed: [],
    told: {
      client,
      peer: { host: peerHost, port: peerPort },
      contacts: join.map((each): Contact => ({ serverid: undefined, address: each })),
      mustJoin: join.length > 0,
    },
  };
}

/** The keys of a settings file are those of the flags, `client-port` or `clientPort`. */
async function readSettingsFile(path: string): Promise<Given> {
  const text = await readText(path, "write it, or leave --config out");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${path} must hold a JSON object`);
  }
  const entries = Object.entries(value).map(([key, each]) => {
    const name = key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!Object.hasOwn(fileSchema.entries, name)) {
      const known = Object.keys(fileSchema.entries).join(", ");
      throw new UsageError(`${path}: there is no key "${key}"; there are: ${known}`);
    }
    if (name === "join" && typeof each === "string") return [name, [each]];
    return [name, typeof each === "number" ? String(each) : each];
  });
  try {
    return validate("key", fileSchema, Object.fromEntries(entries));
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${path}: ${error.message}`) : error;
  }
}

function present(flags: Flags): Flags {
  const known = Object.keys(flagSchema.entries);
  return Object.fromEntries(
    known.flatMap((key) => (flags[key] === undefined ? [] : [[key, flags[key]]])),
  );
}
