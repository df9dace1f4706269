/**
 * Hosts that vanish: each server in a network namespace of its own, so that one can be taken off
 * the network with nothing answering in its place. Needs the rights to make namespaces.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { certificatesFolder, copyCertificates, issue } from "../support/certificates.ts";
import { temporaryFolder } from "../support/folders.ts";
import { RunningCommand, scriptCommand } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";
import type { Figure } from "./figures.ts";

/** How many servers; `SERVERS=9` for more. The last one is lost. */
const count = Number(process.env["SERVERS"] ?? 3);
const ids = Array.from({ length: count }, (_, index) => `s${index + 1}`);
const victim = `s${count}`;
const bridge = `chatbr${process.pid % 1000}`;
const namespaceOf = (id: string) => `chat-${process.pid}-${id}`;
const cableOf = (id: string) => `ch${process.pid % 10_000}${id}`;
const addressOf = (id: string) => `10.203.77.1${id.slice(1)}`;

function ip(...args: readonly string[]): boolean {
  return spawnSync("ip", args, { stdio: "ignore" }).status === 0;
}

/** A bridge, and a namespace with an address for each server. */
function makeNetwork(): boolean {
  if (!ip("link", "add", bridge, "type", "bridge") || !ip("link", "set", bridge, "up"))
    return false;
  return ids.every((id) => {
    const [space, cable] = [namespaceOf(id), cableOf(id)];
    return (
      ip("netns", "add", space) &&
      ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space) &&
      ip("link", "set", cable, "master", bridge, "up") &&
      ip("-n", space, "addr", "add", `${addressOf(id)}/24`, "dev", "eth0") &&
      ip("-n", space, "link", "set", "eth0", "up") &&
      ip("-n", space, "link", "set", "lo", "up")
    );
  });
}

function removeNetwork(): void {
  for (const id of ids) {
    ip("link", "del", cableOf(id));
    ip("netns", "del", namespaceOf(id));
  }
  ip("link", "del", bridge);
}

async function startAll(): Promise<Map<string, RunningCommand>> {
  const servers = join(temporaryFolder(), "servers.txt");
  const lines = ids.map((id) => `${id}\t${addressOf(id)}\t4444\t5555\n`);
  await writeFile(servers, lines.join(""));
  const files = ["ca.pem", "ca.key", "ticket.pub"];
  const certs = await copyCertificates(await certificatesFolder(), ...files);
  for (const id of ids) await issue(certs, id);
  const started = new Map<string, RunningCommand>();
  for (const id of ids) {
    const command = [...scriptCommand("bin/chat-server.ts"), "-n", id, "-l", servers];
    const args = ["netns", "exec", namespaceOf(id), ...command, "--certs", certs];
    started.set(id, new RunningCommand(spawn("ip", args, { stdio: ["pipe", "pipe", "pipe"] })));
  }
  for (const each of started.values()) await each.logged("ready", undefined, 60_000);
  return started;
}

/** From the loss of a host to its eviction by each of the others. */
export async function lostHost(rounds: number): Promise<Figure> {
  const figure = { what: `lost host of ${count}: evicted`, bound: 4500 };
  process.once("exit", removeNetwork);
  if (!makeNetwork()) return { ...figure, samples: [], note: "no right to network namespaces" };
  const servers = await startAll();
  const observers = ids.slice(0, -1).map((id) => servers.get(id) as RunningCommand);
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const since = Date.now();
    ip("link", "set", cableOf(victim), "down");
    for (const each of observers) {
      const line = await each.logged(
        "member-evicted",
        ({ time }) => Date.parse(String(time)) > since,
      );
      samples.push(Date.parse(String(line["time"])) - since);
    }
    const cutAt = Date.now();
    ip("link", "set", cableOf(victim), "up");
    const isBack = (each: RunningCommand) =>
      each.log.some(
        ({ event, member, time }) =>
          String(event).startsWith("member-joined") &&
          member === victim &&
          Date.parse(String(time)) > cutAt,
      );
    await waitFor("the lost one to be back", () => observers.every(isBack), 60_000);
    // What they still tell each other about it must not be part of the next round.
    await new Promise((resolve) => setTimeout(resolve, 2000 + 500 * Math.random()));
  }
  await Promise.all([...servers.values()].map((each) => each.stop("SIGKILL")));
  return { ...figure, samples, note: "network namespaces" };
}
