/**
 * A run in words: one line for each thing that happened to a server and what it did about it.
 *
 * @module
 */

import type { ServerEffect, ServerInput } from "../server/inputs.ts";
import type { Cluster } from "./cluster.ts";
import type { ServerProcess } from "./server-process.ts";

/** Sends a line for everything that happens in a cluster. */
export function tell(cluster: Cluster, write: (line: string) => void): void {
  const stamp = () => cluster.now.toFixed(0).padStart(6);
  cluster.trace = (line) => write(`${stamp()} ${line}`);
  cluster.observers.push({
    stepped(server, _before, input, made) {
      const cause = inputText(server, input);
      const effects = made.effects.map((effect) => effectText(server, effect));
      const said = effects.filter((text) => text !== "");
      if (cause === "" && said.length === 0) return;
      write(`${stamp()} ${server.id} ${cause}`);
      for (const text of said) write(`         ${server.id}   ${text}`);
    },
  });
}

function inputText(server: ServerProcess, input: ServerInput): string {
  const who = "connection" in input ? whoIs(server, input.connection) : "";
  switch (input.type) {
    case "tick":
      return "";
    case "request":
      return `${who} asks ${JSON.stringify(input.request)}`;
    case "peer-message":
      return input.message.type === "heartbeat"
        ? ""
        : `${who} says ${JSON.stringify(input.message)}`;
    case "malformed":
      return `${who} sends nonsense`;
    case "dialled":
      return `dial ${input.dial}: ${input.outcome.type}`;
    case "verified":
      return `${who} ticket ${input.outcome.ok ? "is good" : input.outcome.reason}`;
    case "command":
      return `is told to ${input.command}`;
    default:
      return `${who} ${input.type}`;
  }
}

function effectText(server: ServerProcess, effect: ServerEffect): string {
  switch (effect.type) {
    case "send": {
      if (effect.message.type === "heartbeat") return "";
      const to = effect.to.filter((each) => each !== effect.except);
      const names = to.map((each) => whoIs(server, each)).join(" ");
      return `to ${names}: ${JSON.stringify(effect.message)}`;
    }
    case "report": {
      const { event, ...rest } = effect.event;
      return `* ${event} ${JSON.stringify(rest)}`;
    }
    case "dial":
      return `dials ${effect.address.host} (${effect.dial})${effect.via ? ` by ${effect.via.serverid}` : ""}`;
    case "close":
      return `closes ${whoIs(server, effect.connection)}: ${effect.reason}`;
    case "verify":
      return "";
    default:
      return effect.type;
  }
}

function whoIs(server: ServerProcess, connection: number): string {
  const end = server.ends.get(connection as never);
  return end === undefined ? `#${connection}` : `${end.other.host}#${connection}`;
}
