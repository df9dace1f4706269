/**
 * How dials end in a simulated cluster. Nothing is drawn by lot that the state of the target and of
 * the way to it decides: a process that is gone refuses, one that stands still completes TCP but
 * not TLS, a host that is lost or cut off answers nothing. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";
import type { DialOutcome, ServerEffect } from "../server/inputs.ts";
import { formatMessage } from "../wire/codec.ts";
import { clientFrameBytesMax, peerFrameBytesMax } from "../wire/frame.ts";
import type { Agenda } from "./agenda.ts";
import type { End, EndOwner, Place } from "./end.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { ServerProcess } from "./server-process.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

/** What may wait for a client that does not read, and for a peer; as in the TLS host. */
const clientWaitingBytesMax = 256 * 1024;
const peerWaitingBytesMax = 8 * 1024 * 1024;
/** How long after a kill the listener may still let a connection come up. */
const closingMs = 8;
/** How long a client tries to connect. */
const clientLimitMs = 1_000;

/** What dials need of the world. */
export interface Hosts {
  readonly agenda: Agenda;
  readonly network: Network;
  readonly random: Random;
  /** The process on a host, also one that is gone. */
  processAt(host: string): ServerProcess | undefined;
  /** Since when nothing runs on a host. */
  downSince(host: string): number | undefined;
  /** The most that the way between two hosts is slowed down by at present. */
  slowness(one: string, other: string): number;
}

type Reached = (outcome: Exclude<DialOutcome, { type: "link" | "other-id" }> | Reach) => void;
type Reach = { readonly type: "reached"; readonly server: ServerProcess };

/** How a connection attempt goes: TCP, then TLS, each within its limit. */
function reach(hosts: Hosts, path: readonly string[], limitMs: number, done: Reached): void {
  const { agenda, network, random } = hosts;
  const target = path[path.length - 1] as string;
  const slowMs = path
    .slice(1)
    .reduce((sum, host, place) => sum + hosts.slowness(path[place] as string, host), 0);
  const tripMs = random.between(1, 4) + random.between(0, slowMs);
  const isCut = () => network.isBlocked(path) || network.isBlocked([...path].reverse());
  if (network.isRefused(path)) {
    agenda.after(tripMs, () => done({ type: "refused" }));
    return;
  }
  if (isCut() || network.isLost(target) || tripMs > limitMs) {
    agenda.after(limitMs, () => done({ type: "silent" }));
    return;
  }
  agenda.after(tripMs, () => {
    const server = hosts.processAt(target);
    const downSince = hosts.downSince(target);
    if (server === undefined || downSince !== undefined) {
      const isClosing = downSince !== undefined && agenda.now - downSince < closingMs;
      done(isClosing ? { type: "tls-failed", detail: "reset" } : { type: "refused" });
      return;
    }
    const handshakeMs = random.between(1, 4) + random.between(0, slowMs);
    const isDeaf = () => isCut() || server.status !== "running";
    agenda.after(Math.min(handshakeMs, limitMs), () => {
      if (!isDeaf() && handshakeMs <= limitMs) done({ type: "reached", server });
      else {
        agenda.after(limitMs - Math.min(handshakeMs, limitMs), () =>
          done(
            isDeaf() || handshakeMs > limitMs
              ? { type: "tls-silent" }
              : { type: "reached", server },
          ),
        );
      }
    });
  });
}

/** A server dials another one, directly or through a third. */
export function dialServer(
  hosts: Hosts,
  from: ServerProcess,
  effect: Extract<ServerEffect, { type: "dial" }>,
): void {
  const { dial, address, serverid, via } = effect;
  const finish = (outcome: DialOutcome) => from.take({ type: "dialled", dial, outcome });
  const limitMs = from.config.timing.probeMs;
  const link = (target: ServerProcess, through?: string) => {
    if (from.status === "down") return;
    if (serverid !== undefined && target.id !== serverid) {
      finish({ type: "other-id", detail: `its certificate is for the server ${target.id}` });
      return;
    }
    const end = hosts.network.connect(peerPlace(from), peerPlace(target), through);
    target.hold(end.other, "peer");
    const opened = { type: "opened", connection: end.other.id, role: "peer" } as const;
    target.take({ ...opened, certificateId: from.id });
    hosts.agenda.after(hosts.random.between(1, 2), () => {
      if (from.status === "down") {
        hosts.network.abort(end, true);
        return;
      }
      if (end.status !== "open") {
        finish({ type: "tls-failed", detail: "closed by the other side" });
        return;
      }
      from.hold(end, "peer");
      finish({ type: "link", connection: end.id, certificateId: target.id });
    });
  };
  const direct = (result: Parameters<Reached>[0]) =>
    result.type === "reached" ? link(result.server) : finish(result);
  if (via === undefined) reach(hosts, [from.host, address.host], limitMs, direct);
  else dialThrough(hosts, from, { third: via.address.host, target: serverid }, finish, link);
}

/** The third server is reached as any peer is, and asked with the one line `relay`. */
function dialThrough(
  hosts: Hosts,
  from: ServerProcess,
  to: { readonly third: string; readonly target: ServerId | undefined },
  finish: (outcome: DialOutcome) => void,
  link: (target: ServerProcess, through: string) => void,
): void {
  const limitMs = from.config.timing.probeMs;
  reach(hosts, [from.host, to.third], limitMs, (result) => {
    if (result.type !== "reached") {
      finish(result);
      return;
    }
    const relaying = new Relaying((target) => {
      if (target === undefined) finish({ type: "tls-failed", detail: "the third server closed" });
      else link(target, to.third);
    });
    const place = { ...peerPlace(from), owner: relaying };
    const end = hosts.network.connect(place, peerPlace(result.server));
    result.server.hold(end.other, "peer");
    const opened = { type: "opened", connection: end.other.id, role: "peer" } as const;
    result.server.take({ ...opened, certificateId: from.id });
    const request = { type: "relay", serverid: from.id, target: to.target } as const;
    hosts.network.write(end, new TextEncoder().encode(formatMessage(request)));
    hosts.agenda.after(2 * limitMs, () => {
      if (relaying.giveUp()) hosts.network.break(end);
    });
  });
}

/** Who waits for a third server to carry its bytes. */
class Relaying implements EndOwner {
  #done: ((target: ServerProcess | undefined) => void) | undefined;

  constructor(done: (target: ServerProcess | undefined) => void) {
    this.#done = done;
  }

  isReading(): boolean {
    return true;
  }

  lines(): void {}

  closed(): void {
    this.giveUp();
  }

  reached(target: ServerProcess): void {
    this.#done?.(target);
    this.#done = undefined;
  }

  giveUp(): boolean {
    const done = this.#done;
    this.#done = undefined;
    done?.(undefined);
    return done !== undefined;
  }
}

/** A third server carries the bytes of a connection on to another host, if it can reach that. */
export function spliceTo(hosts: Hosts, through: ServerProcess, end: End, host: string): void {
  const waiting = end.other.owner;
  const limitMs = through.config.timing.probeMs;
  reach(hosts, [end.other.host, through.host, host], limitMs, (result) => {
    if (result.type !== "reached" || !(waiting instanceof Relaying)) {
      hosts.network.break(end);
      return;
    }
    hosts.network.discard(end);
    waiting.reached(result.server);
  });
}

/** A client connects to a server; `done` gets its end, or why there is none. */
export function dialClient(
  hosts: Hosts,
  place: Place,
  server: string,
  done: (end: End | undefined) => void,
): void {
  reach(hosts, [place.host, server], clientLimitMs, (result) => {
    if (result.type !== "reached") {
      done(undefined);
      return;
    }
    const target = result.server;
    const end = hosts.network.connect(place, {
      host: target.host,
      owner: target,
      lineMax: clientFrameBytesMax,
      waitingMax: clientWaitingBytesMax,
    });
    target.hold(end.other, "client");
    target.take({ type: "opened", connection: end.other.id, role: "client" });
    done(end);
  });
}

/** A stranger with a certificate of the cluster connects to the port for peers. */
export function dialAsPeer(
  hosts: Hosts,
  place: Pick<Place, "host" | "owner">,
  certificateId: ServerId,
  server: string,
  done: (end: End | undefined) => void,
): void {
  reach(hosts, [place.host, server], clientLimitMs, (result) => {
    if (result.type !== "reached") {
      done(undefined);
      return;
    }
    const target = result.server;
    const limits = { lineMax: peerFrameBytesMax, waitingMax: peerWaitingBytesMax };
    const end = hosts.network.connect({ ...place, ...limits }, peerPlace(target));
    target.hold(end.other, "peer");
    const opened = { type: "opened", connection: end.other.id, role: "peer" } as const;
    target.take({ ...opened, certificateId });
    done(end);
  });
}

function peerPlace(server: ServerProcess): Place {
  return {
    host: server.host,
    owner: server,
    lineMax: peerFrameBytesMax,
    waitingMax: peerWaitingBytesMax,
  };
}
