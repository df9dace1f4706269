/**
 * The servers file of the base form: four columns, one server a line. It says whom to wait for at
 * the start; who joins later stands in no file.
 *
 * @module
 */

import {
  type Address,
  asServerId,
  formatAddress,
  parseAddress,
  type ServerId,
} from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";

/** One server of the file. */
export interface ListedServer {
  readonly serverid: ServerId;
  readonly client: Address;
  readonly peer: Address;
}

const columns = "id, host, client port, peer port, separated by tabs";

/**
 * Reads the text of a servers file. Blanks do for tabs, `#` begins a comment, empty lines and CR LF
 * are fine; whatever else is wrong ends in one line that names the file and the line.
 *
 * @example
 * ```ts
 * const servers = parseServersFile("servers.txt", "s1\t127.0.0.1\t4444\t5555\n");
 * ```
 */
export function parseServersFile(path: string, text: string): readonly ListedServer[] {
  const servers: ListedServer[] = [];
  const taken = new Map<string, number>();
  const take = (what: string, number: number): void => {
    const before = taken.get(what);
    if (before !== undefined) {
      throw new UsageError(`${path} line ${number}: ${what} is in line ${before} already`);
    }
    taken.set(what, number);
  };
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") continue;
    const server = parseLine(`${path} line ${index + 1}`, content.split(/[ \t]+/));
    take(`the id ${server.serverid}`, index + 1);
    take(formatAddress(server.client), index + 1);
    take(formatAddress(server.peer), index + 1);
    servers.push(server);
  }
  if (servers.length === 0) throw new UsageError(`${path} names no server: ${columns}`);
  return servers;
}

/** The server with this very id and all others; an error when it is not in the file. */
export function ownServer(
  path: string,
  servers: readonly ListedServer[],
  id: string,
): { readonly own: ListedServer; readonly others: readonly ListedServer[] } {
  const own = servers.find(({ serverid }) => serverid === id);
  if (own === undefined) {
    const known = servers.map(({ serverid }) => serverid).join(", ");
    throw new UsageError(`${path} has no line for the id ${id}; it names: ${known}`);
  }
  return { own, others: servers.filter((server) => server !== own) };
}

function parseLine(where: string, cells: readonly string[]): ListedServer {
  const [id = "", host = "", clientPort = "", peerPort = "", ...more] = cells;
  if (peerPort === "" || more.length > 0) {
    throw new UsageError(`${where}: expected four columns (${columns}), found ${cells.length}`);
  }
  const serverid = asServerId(id);
  if (serverid === undefined) {
    throw new UsageError(`${where}: "${id}" is no id: 1 to 32 letters, digits, ".", "_", "-"`);
  }
  return {
    serverid,
    client: parseListed(where, "client", host, clientPort),
    peer: parseListed(where, "peer", host, peerPort),
  };
}

function parseListed(where: string, kind: string, host: string, port: string): Address {
  const bare = host.replace(/^\[(.+)\]$/, "$1");
  const isHost = parseAddress(bare.includes(":") ? `[${bare}]:1` : `${bare}:1`) !== undefined;
  if (!isHost) throw new UsageError(`${where}: "${host}" is no host name or IP address`);
  const address = parseAddress(bare.includes(":") ? `[${bare}]:${port}` : `${bare}:${port}`);
  if (address === undefined) {
    throw new UsageError(`${where}: the ${kind} port "${port}" is no number from 1 to 65535`);
  }
  return address;
}
