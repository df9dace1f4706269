/**
 * How a client ends and how it survives: a lost server is replaced by another one after a growing,
 * jittered pause; what can't get better by waiting ends the client with one line that says why.
 *
 * @module
 */

import type { RoomId } from "../base/ids.ts";
import { draw } from "../base/prng.ts";
import { type Instant, step } from "../machine.ts";
import { type Address, formatAddress, parseAddress } from "../wire/fields.ts";
import type { Shown, Trouble } from "./shown.ts";
import type { ClientEffect, ClientState, ClientStep, LinkId, Recovery } from "./state.ts";

/** How long an answer may take once it was asked for. */
export const answerMs = 10_000;
/** How long a connection and its first answer may take together. */
export const dialMs = 15_000;
const pauseFirstMs = 500;
const pauseMaxMs = 30_000;
/** A server that lasted this long was a good one: the next search begins anew. */
const calmMs = 10_000;

/** The effect that shows something. */
export function show(shown: Shown): ClientEffect {
  return { type: "show", shown };
}

/** The effect that tells of trouble. */
export function tell(trouble: Trouble): ClientEffect {
  return show({ kind: "trouble", trouble });
}

/** The next link and the effect that dials it. */
export function dial(
  state: ClientState,
  purpose: "auth" | "chat",
  where: Address,
): { readonly state: ClientState; readonly link: LinkId; readonly effect: ClientEffect } {
  const link = state.nextLink as LinkId;
  const effect = { type: "dial", link, purpose, host: where.host, port: where.port } as const;
  return { state: { ...state, nextLink: state.nextLink + 1 }, link, effect };
}

/** The address of texts that a remote sent, or `undefined` if they can't be one. */
export function addressOf(host: string, port: string): Address | undefined {
  return parseAddress(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
}

/** The end: closes what is open, says why and what was not sent. */
export function stop(state: ClientState, code: 0 | 1, trouble?: Trouble): ClientStep {
  const unsent = state.queue.filter(({ type }) => type === "message").length;
  return step<ClientState, ClientEffect>(
    { ...state, phase: { name: "over" }, password: undefined, renewal: undefined, queue: [] },
    ...closePhase(state),
    ...(state.renewal === undefined ? [] : [close(state.renewal.link)]),
    ...(unsent === 0 ? [] : [tell({ what: "unsent", count: unsent })]),
    ...(trouble === undefined ? [] : [tell(trouble)]),
    { type: "exit", code },
  );
}

/** A try to get in has failed for good, or only for now if the client had been in before. */
export function failedTry(state: ClientState, at: Instant, trouble: Trouble): ClientStep {
  return state.recovery === undefined ? stop(state, 1, trouble) : tryAgain(state, at, trouble);
}

/** Waits a jittered pause (or the one that was asked for) and takes the next candidate. */
export function tryAgain(
  state: ClientState,
  at: Instant,
  trouble: Trouble,
  askedMs?: number,
): ClientStep {
  const recovery = state.recovery ?? begun(state, at);
  const leftMs = recovery.since + state.config.patienceMs - at;
  if (leftMs <= 0 || (askedMs !== undefined && askedMs > leftMs)) return stop(state, 1, trouble);
  const { value, prng } = draw(state.prng);
  const ceilingMs = Math.min(pauseMaxMs, pauseFirstMs * 2 ** recovery.attempt);
  const pauseMs = Math.min(leftMs, askedMs ?? value * ceilingMs);
  const { candidates, attempt } = recovery;
  const target = candidates[attempt % candidates.length] ?? state.target;
  // The first failure is told in full; those after it would only bury the chat.
  const stillNobody = attempt > 0 && trouble.what === "cannot-connect";
  return step<ClientState, ClientEffect>(
    {
      ...state,
      prng,
      target,
      recovery: { ...recovery, attempt: attempt + 1 },
      phase: { name: "waiting", until: at + pauseMs, countdownAt: at },
    },
    ...closePhase(state),
    ...(stillNobody ? [] : [tell(trouble)]),
    tell({ what: "retrying", where: target, inMs: pauseMs, again: stillNobody }),
  );
}

/** The server has gone: looks for another one and remembers the room to go back to. */
export function lost(
  state: ClientState,
  at: Instant,
  last: { readonly where: Address; readonly since: Instant },
  detail: string,
): ClientStep {
  const calm = at - last.since >= calmMs;
  const earlier = calm ? undefined : state.recovery;
  const shuffled = otherServers(state, last.where);
  const recovery: Recovery = {
    since: earlier?.since ?? at,
    attempt: earlier?.attempt ?? 0,
    candidates: [...shuffled.addresses, last.where],
    room: roomToReturnTo(state.room) ?? earlier?.room,
  };
  return tryAgain(
    { ...state, prng: shuffled.prng, recovery, awaiting: undefined, serversAsked: [] },
    at,
    { what: "lost", where: last.where, detail },
  );
}

function begun(state: ClientState, at: Instant): Recovery {
  return { since: at, attempt: 0, candidates: [state.target], room: undefined };
}

/** A main hall belongs to its server; the new server has one of its own. */
function roomToReturnTo(room: RoomId | ""): RoomId | undefined {
  return room === "" || room.startsWith("MainHall-") ? undefined : room;
}

/** The servers worth trying besides the lost one, in an order of this client's own. */
function otherServers(
  state: ClientState,
  gone: Address,
): { readonly addresses: readonly Address[]; readonly prng: number } {
  let { prng } = state;
  const placed: { readonly address: Address; readonly place: number }[] = [];
  for (const { host, port, status } of state.servers) {
    const address = addressOf(host, port);
    if (address === undefined || status === "leaving") continue;
    if (formatAddress(address) === formatAddress(gone)) continue;
    const drawn = draw(prng);
    prng = drawn.prng;
    // Suspect ones last: they may be alive after all, when nothing else is.
    placed.push({ address, place: drawn.value + (status === "suspect" ? 1 : 0) });
  }
  placed.sort((one, other) => one.place - other.place);
  return { addresses: placed.map(({ address }) => address), prng };
}

/** The effect that closes a link. */
export function close(link: LinkId): ClientEffect {
  return { type: "close", link };
}

function closePhase({ phase }: ClientState): readonly ClientEffect[] {
  switch (phase.name) {
    case "authenticating":
    case "entering":
    case "chatting":
    case "leaving":
      return [close(phase.link)];
    case "moving":
      return [close(phase.link), ...(phase.old === undefined ? [] : [close(phase.old.link)])];
    default:
      return [];
  }
}
