/**
 * How dials end in the measure of the failure detector: TCP, which the kernels do, then TLS, for
 * which both processes must run; every segment of both may be lost. A limit that passes while the
 * dialling process stands still is looked at when it goes on, after what has arrived by then.
 *
 * @module
 */

import type { DialOutcome, ServerEffect } from "../server/inputs.ts";
import { AccuracyEnd, endConnection, sendMessage, tripMsOf } from "./accuracy-ends.ts";
import { flightMs, requestedMs } from "./accuracy-loss.ts";
import type { AccuracyServer, AccuracySurroundings } from "./accuracy-server.ts";

/** How long after a kill the listener may still let a connection come up. */
const closingMs = 8;
/** The segments of a TLS handshake: client, server, client with its certificate, the welcome. */
const flights: readonly number[] = [1, 2, 2, 1];

/** What dials need of the world. */
export interface Dialling extends AccuracySurroundings {
  readonly loss: number;
  connections: number;
  serverAt(host: string): AccuracyServer | undefined;
}

type Failure = Exclude<DialOutcome, { type: "link" }>;
type Settle<Value> = (result: Value | Failure) => void;

const isFailure = (result: object): result is Failure => "type" in result;

/** Runs something within a limit; what arrives in time, or before the limit is seen, counts. */
class Limit<Value extends object> {
  readonly #settle: Settle<Value>;
  readonly #from: AccuracyServer;
  #arrived: Value | Failure | undefined;
  #isOver = false;

  constructor(world: Dialling, from: AccuracyServer, late: Failure, settle: Settle<Value>) {
    this.#from = from;
    this.#settle = settle;
    world.agenda.after(from.config.timing.probeMs, () =>
      from.whenRunning(() => this.#finish(this.#arrived ?? late)),
    );
  }

  /** The kernel of the dialling host has the answer; its process looks when it runs. */
  arrive(result: Value | Failure): void {
    this.#arrived ??= result;
    this.#from.whenRunning(() => this.#finish(result));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  #finish(result: Value | Failure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle(result);
  }
}

/** A server dials another one, directly or through a third. */
export function dialServer(
  world: Dialling,
  from: AccuracyServer,
  { dial, address, serverid, via }: Extract<ServerEffect, { type: "dial" }>,
): void {
  const finish = (result: AccuracyEnd | Failure) => {
    if (isFailure(result)) from.take({ type: "dialled", dial, outcome: result });
    else {
      const certificateId = result.other.owner.id;
      const outcome = { type: "link", connection: result.id, certificateId } as const;
      from.take({ type: "dialled", dial, outcome });
    }
  };
  const host = via?.address.host ?? address.host;
  connect(world, from, host, (reached) => {
    if (isFailure(reached)) finish(reached);
    else if (via === undefined) secure(world, from, reached, undefined, finish);
    else if (serverid === undefined) finish({ type: "tls-failed", detail: "nobody is named" });
    else {
      secure(world, from, reached, undefined, (end) => {
        if (isFailure(end)) finish(end);
        else askForRelay(world, from, end, serverid, finish);
      });
    }
  });
}

/** TCP: a lost host is silent, one without the process refuses, one that stands still answers. */
function connect(
  world: Dialling,
  from: AccuracyServer,
  host: string,
  settle: Settle<AccuracyServer>,
): void {
  const { agenda, random, loss } = world;
  const limit = new Limit(world, from, { type: "silent" }, settle);
  const delayMs = 2 * tripMsOf(random) + requestedMs(random, loss);
  agenda.after(delayMs, () => {
    const server = world.serverAt(host);
    if (server?.death?.kind === "lost host") return;
    if (server !== undefined && server.status !== "gone") limit.arrive(server);
    else {
      const isClosing = agenda.now - (server?.death?.at ?? Number.NEGATIVE_INFINITY) < closingMs;
      limit.arrive(isClosing ? { type: "tls-failed", detail: "reset" } : { type: "refused" });
    }
  });
}

/** TLS, end to end: both processes must run, and a third that copies. */
function secure(
  world: Dialling,
  from: AccuracyServer,
  target: AccuracyServer,
  third: AccuracyServer | undefined,
  settle: Settle<AccuracyEnd>,
): void {
  const { agenda, random, loss } = world;
  let accepted: AccuracyEnd | undefined;
  const limit = new Limit<AccuracyEnd>(world, from, { type: "tls-silent" }, (result) => {
    if (isFailure(result) && accepted !== undefined) endConnection(accepted.other, world, loss);
    else if (!isFailure(result)) from.ends.set(result.id, result);
    settle(result);
  });
  const fly = (flight: number): void => {
    const legs = third === undefined ? 1 : 2;
    let delayMs = 0;
    for (let leg = 0; leg < legs; leg++) {
      delayMs += tripMsOf(random) + flightMs(random, loss, flights[flight] as number);
    }
    const isForTarget = flight % 2 === 0;
    agenda.after(delayMs, () => {
      if (limit.isOver || target.death?.kind === "lost host") return;
      if (target.status === "gone") limit.arrive({ type: "tls-failed", detail: "reset" });
      else if (flight === flights.length - 1 && accepted !== undefined) {
        limit.arrive(accepted.other);
      } else {
        const reader = isForTarget ? target : from;
        const read = () => {
          if (limit.isOver) return;
          if (flight === flights.length - 2) accepted = accept(world, from, target, third);
          fly(flight + 1);
        };
        if (third === undefined) reader.whenRunning(read);
        else third.whenRunning(() => reader.whenRunning(read));
      }
    });
  };
  fly(0);
}

/** The target has seen the certificate: for it, the connection is there. */
function accept(
  world: Dialling,
  from: AccuracyServer,
  target: AccuracyServer,
  third: AccuracyServer | undefined,
): AccuracyEnd {
  const near = new AccuracyEnd(++world.connections, from, third);
  const far = new AccuracyEnd(++world.connections, target, third);
  near.other = far;
  far.other = near;
  target.ends.set(far.id, far);
  const opened = { type: "opened", connection: far.id, role: "peer" } as const;
  target.take({ ...opened, certificateId: from.id });
  return far;
}

/** The third server is asked to carry the bytes on; then TLS is made to the one dialled. */
function askForRelay(
  world: Dialling,
  from: AccuracyServer,
  end: AccuracyEnd,
  target: NonNullable<Extract<ServerEffect, { type: "dial" }>["serverid"]>,
  settle: Settle<AccuracyEnd>,
): void {
  from.ends.delete(end.id);
  const third = end.other.owner;
  const limit = new Limit<AccuracyServer>(world, from, { type: "silent" }, (reached) => {
    if (isFailure(reached)) {
      endConnection(end, world, world.loss);
      settle(reached);
    } else secure(world, from, reached, third, settle);
  });
  end.other.spliced = (host) => {
    end.status = "gone";
    end.other.status = "gone";
    connect(world, third, host, (reached) => {
      const delayMs = tripMsOf(world.random) + flightMs(world.random, world.loss, 1);
      world.agenda.after(delayMs, () =>
        limit.arrive(isFailure(reached) ? { type: "silent" } : reached),
      );
    });
  };
  sendMessage(end, { type: "relay", serverid: from.id, target }, world, world.loss);
}
