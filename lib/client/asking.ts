/**
 * What a client asks and when: everything typed goes through one queue, so that nothing is lost or
 * overtaken while the client logs in, waits for the answer to a join, moves or looks for a server.
 *
 * @module
 */

import { type Instant, sequence, step } from "../machine.ts";
import type { ClientRequest } from "../wire/client-messages.ts";
import { clientFrameBytesMax } from "../wire/frame.ts";
import { readCommand } from "./commands.ts";
import { answerMs, show, stop } from "./recovery.ts";
import type { ClientEffect, ClientState, ClientStep } from "./state.ts";

/** How long a farewell may take: requests before it are answered first. */
const farewellMs = 8_000;
const askServersEveryMs = 30_000;
/** Quietly asked and no line at all for so long: the server hangs or the way to it is cut. */
const silenceMs = 15_000;

/** Takes a line of the person. */
export function typed(state: ClientState, at: Instant, text: string): ClientStep {
  const command = readCommand(text);
  switch (command.kind) {
    case "request":
      return ask(state, at, command.request);
    case "invalid":
      return step(state, show({ kind: "invalid-command" }));
    case "help":
      return step(state, show({ kind: "help" }));
    case "nothing":
      return step(state);
  }
}

/** Queues a request and sends what may be sent. */
export function ask(state: ClientState, at: Instant, request: ClientRequest): ClientStep {
  const { phase } = state;
  if (phase.name === "leaving" || phase.name === "over") return step(state);
  if (utf8Length(JSON.stringify(request)) > clientFrameBytesMax) {
    return step(state, show({ kind: "line-too-long" }));
  }
  // Nobody is there to say goodbye to, and nothing else is left to be said.
  const alone = phase.name === "waiting" && state.room !== "" && state.queue.length === 0;
  if (request.type === "quit" && alone) return stop(state, 0);
  return flush({ ...state, queue: [...state.queue, request] }, at);
}

/** Leaves: with a farewell where there is somebody to hear it, at once when said again. */
export function leave(state: ClientState, at: Instant): ClientStep {
  const { phase, queue } = state;
  const again = phase.name === "leaving" || queue.some(({ type }) => type === "quit");
  if (again) return stop(state, 0);
  if (phase.name === "chatting" || phase.name === "moving") return ask(state, at, { type: "quit" });
  return state.room === "" ? stop(state, 1, { what: "left-early" }) : stop(state, 0);
}

/**
 * Sends the queue as far as it may be sent. After a join the rest waits for its answer: if that is
 * a route, a line that crosses it would call the move off (PROTOCOL.md section 5).
 */
export function flush(state: ClientState, at: Instant): ClientStep {
  const { phase, queue } = state;
  if (phase.name !== "chatting" || state.awaiting !== undefined || queue.length === 0) {
    return step(state);
  }
  const stopper = queue.findIndex(({ type }) => type === "join" || type === "quit");
  const count = stopper === -1 ? queue.length : stopper + 1;
  const last = queue[count - 1] as ClientRequest;
  const sent = queue.slice(0, count);
  const next: ClientState = {
    ...state,
    queue: queue.slice(count),
    awaiting:
      last.type === "join" ? { roomid: last.roomid, deadline: at + answerMs } : state.awaiting,
    serversAsked: [
      ...state.serversAsked,
      ...sent.filter(({ type }) => type === "servers").map(() => true),
    ],
    phase:
      last.type === "quit"
        ? { name: "leaving", link: phase.link, deadline: at + farewellMs }
        : phase,
  };
  return step<ClientState, ClientEffect>(
    next,
    ...sent.map((message) => ({ type: "send", link: phase.link, message }) as const),
  );
}

/** The join was answered, or its answer will not come: the rest of the queue may go. */
export function release(state: ClientState, at: Instant): ClientStep {
  return flush({ ...state, awaiting: undefined }, at);
}

/** Asks for the servers without showing them: where to go when this one dies. */
export function askServers(state: ClientState, at: Instant): ClientStep {
  const { phase } = state;
  if (phase.name !== "chatting") return step({ ...state, askServersAt: undefined });
  if (state.awaiting !== undefined) return step({ ...state, askServersAt: at + answerMs });
  // Only a server known to answer this is expected to; others may not know the question.
  const deadline = state.servers.length === 0 ? undefined : at + silenceMs;
  return step<ClientState, ClientEffect>(
    {
      ...state,
      phase: { ...phase, deadline },
      serversAsked: [...state.serversAsked, false],
      askServersAt: at + askServersEveryMs,
    },
    { type: "send", link: phase.link, message: { type: "servers" } },
  );
}

/** What is done on every new connection that the client has got into. */
export function settleIn(state: ClientState, at: Instant): ClientStep {
  return sequence<ClientState, ClientEffect>(
    { ...state, awaiting: undefined, serversAsked: [] },
    (s) => askServers(s, at),
    (s) => flush(s, at),
  );
}

/** How long the text is in UTF-8, which this library has no encoder for. */
function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
