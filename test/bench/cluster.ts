/**
 * The figures that the cluster promises, measured on real processes over the loopback: `npm run
 * bench:cluster`, or with names of figures (`kill stop lost join login claims`) only these.
 * `ROUNDS=50` repeats the slow ones more often, `SERVERS=9` loses a host of nine. Run it on an idle
 * machine.
 *
 * @module
 */

import { readdir } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import process from "node:process";
import { connect, type TLSSocket } from "node:tls";
import { certificatesFolder, copyCertificates, issue } from "../support/certificates.ts";
import {
  type FaultCluster,
  listed,
  loginAlone,
  startFaultCluster,
} from "../support/fault-cluster.ts";
import type { LineClient } from "../support/line-client.ts";
import type { LogLine, RunningCommand } from "../support/process.ts";
import { type Figure, formatFigure, isKept } from "./figures.ts";
import { lostHost } from "./lost-host.ts";

const rounds = Number(process.env["ROUNDS"] ?? 10);

/** When a server logged something about a member, in wall-clock milliseconds. */
async function loggedAt(command: RunningCommand, event: string, since: number): Promise<number> {
  const at = (line: LogLine) => Date.parse(String(line["time"]));
  return at(await command.logged(event, (line) => at(line) >= since));
}

async function settled(cluster: FaultCluster): Promise<void> {
  for (const [one, other] of [
    ["s1", "s3"],
    ["s2", "s3"],
    ["s1", "s2"],
  ] as const) {
    await cluster.sees(one, other);
  }
  // Heartbeats come at any moment of their interval: no round may begin in step with them.
  await new Promise((resolve) => setTimeout(resolve, 500 + 500 * Math.random()));
}

async function kill(): Promise<readonly Figure[]> {
  const cluster = await startFaultCluster({ ids: ["s1", "s2", "s3"] });
  const eyes = [await cluster.login("s1", "Eye1"), await cluster.login("s2", "Eye2")];
  const gone: number[] = [];
  for (let round = 0; round < 2 * rounds; round++) {
    await loginAlone(cluster, "s3", `Owner${round}`, `room${round}`);
    for (const each of eyes) await listed(each, `room${round}`, true);
    await settled(cluster);
    const { process: victim } = cluster.seat("s3");
    const since = performance.now();
    victim.signal("SIGKILL");
    for (const each of eyes) {
      await listed(each, `room${round}`, false);
      gone.push(performance.now() - since);
    }
    await victim.ended;
    await cluster.start("s3").logged("ready");
  }
  await cluster.stop();
  return [{ what: "kill -9: rooms gone from every list", samples: gone, bound: 1000 }];
}

async function stop(): Promise<readonly Figure[]> {
  const cluster = await startFaultCluster({ ids: ["s1", "s2", "s3"] });
  const eyes = [await cluster.login("s1", "Eye1"), await cluster.login("s2", "Eye2")];
  const [hidden, evicted]: [number[], number[]] = [[], []];
  const hide = async (each: LineClient, since: number): Promise<void> => {
    await listed(each, "MainHall-s3", false);
    hidden.push(Date.now() - since);
  };
  for (let round = 0; round < rounds; round++) {
    await settled(cluster);
    const since = Date.now();
    cluster.seat("s3").process.signal("SIGSTOP");
    await Promise.all(eyes.map((each) => hide(each, since)));
    for (const id of ["s1", "s2"]) {
      evicted.push((await loggedAt(cluster.seat(id).process, "member-evicted", since)) - since);
    }
    cluster.seat("s3").process.signal("SIGCONT");
    for (const each of eyes) await listed(each, "MainHall-s3", true);
  }
  await cluster.stop();
  return [
    { what: "SIGSTOP: hidden", samples: hidden, bound: 2200 },
    { what: "SIGSTOP: evicted", samples: evicted, bound: 9000 },
  ];
}

async function join(): Promise<readonly Figure[]> {
  const from = await certificatesFolder();
  const certs = await copyCertificates(from, ...(await readdir(from)));
  for (const id of ["s5", "s6"]) await issue(certs, id);
  const cluster = await startFaultCluster({ ids: ["s1", "s2", "s3", "s4", "s5"], certs });
  const samples: number[] = [];
  for (let round = 0; round < 2 * rounds; round++) {
    const { process: newcomer } = await cluster.join("s6", `s${(round % 5) + 1}`);
    const ready = await loggedAt(newcomer, "ready", 0);
    samples.push(ready - (await loggedAt(newcomer, "starting", 0)));
    await newcomer.stop("SIGTERM");
  }
  await cluster.stop();
  const note = "from its first log line to ready, five others";
  return [{ what: "server added", samples, note }];
}

/** A connection whose lines are looked at when they arrive, not when somebody asks. */
async function open(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, servername: "", ca });
  socket.setNoDelay(true);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  return socket;
}

/** Sends a line; resolves with everything that came, as soon as that matches. */
function ask(socket: TLSSocket, message: object, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!wanted.test(text)) return;
      socket.off("data", take);
      resolve(text);
    };
    socket.on("data", take);
    socket.once("close", () => reject(new Error(`closed after: ${text}`)));
    socket.write(`${JSON.stringify(message)}\n`);
  });
}

const newidentity = (cluster: FaultCluster, identity: string) => ({
  type: "newidentity",
  identity,
  ticket: cluster.ticket(identity),
});

async function login(): Promise<readonly Figure[]> {
  const cluster = await startFaultCluster({ ids: ["s1", "s2", "s3"] });
  const samples: number[] = [];
  for (let round = 0; round < 550; round++) {
    const socket = await open(cluster.seat(`s${(round % 3) + 1}`).clientPort, cluster.ca);
    const message = newidentity(cluster, `User${round}`);
    const since = performance.now();
    await ask(socket, message, /"roomchange"/);
    // The first ones find code that is not compiled yet.
    if (round >= 50) samples.push(performance.now() - since);
    socket.destroy();
  }
  await cluster.stop();
  return [{ what: "login, three idle servers", samples, bound: 20 }];
}

async function claims(): Promise<readonly Figure[]> {
  const cluster = await startFaultCluster({ ids: ["s1", "s2", "s3"] });
  const [took, winners]: [number[], number[]] = [[], []];
  for (let round = 0; round < 1000; round++) {
    const count = 2 + (round % 4);
    const sockets = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        open(cluster.seat(`s${((round + n) % 3) + 1}`).clientPort, cluster.ca),
      ),
    );
    const message = newidentity(cluster, `Prize${round}`);
    const since = performance.now();
    const answers = await Promise.all(
      sockets.map((socket) => ask(socket, message, /"newidentity".*\n/)),
    );
    took.push(performance.now() - since);
    winners.push(answers.filter((answer) => answer.includes('"approved":"true"')).length);
    for (const socket of sockets) socket.destroy();
  }
  await cluster.stop();
  const single = winners.filter((count) => count === 1).length;
  const note = `exactly one winner in ${single} of ${winners.length} rounds`;
  const many = winners.map((count) => Math.abs(count - 1));
  return [
    { what: "2 to 5 claims at once: all answered", samples: took, note },
    { what: "2 to 5 claims at once: wrong winners", samples: many, bound: 0, unit: "winners" },
  ];
}

const figures: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  login,
  claims,
  kill,
  stop,
  lost: async () => [await lostHost(rounds)],
  join,
};

const wanted = process.argv.slice(2);
const load = () => loadavg()[0]?.toFixed(1);
console.log(`${cpus().length} processors, load ${load()}`);
let missed = 0;
for (const [name, measure] of Object.entries(figures)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const figure of await measure()) {
    if (!isKept(figure)) missed++;
    console.log(formatFigure(figure));
  }
}
console.log(`load ${load()}; ${missed} missed`);
process.exit(missed > 0 ? 1 : 0);
