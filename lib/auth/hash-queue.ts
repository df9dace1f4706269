/**
 * Whose password is hashed next. A hash costs most of a second, so few run at a time and few may
 * wait; addresses take turns, and strangers to a user under attack wait in the slow lane, which
 * runs one hash at a time with pauses. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import type { ConnectionId } from "../base/ids.ts";
import type { Instant } from "../machine.ts";
import type { Origin } from "./throttle.ts";
import type { PasswordRecord } from "./users.ts";

/** A login that waits for its hash. */
export interface WaitingLogin {
  readonly connection: ConnectionId;
  readonly origin: Origin;
  readonly username: string;
  readonly password: string;
  readonly identity: string;
  readonly receivedAt: Instant;
  /** The wall-clock time of that, in seconds. */
  readonly unixSeconds: number;
  /** What the ticket's id is made of. */
  readonly random: Uint8Array;
}

/** A login whose hash is being computed. */
export interface RunningLogin extends Omit<WaitingLogin, "password"> {
  readonly request: number;
  readonly record: PasswordRecord;
  readonly slow: boolean;
  readonly startedAt: Instant;
}

/** A waiting login and its place: the lowest turn is next, then the oldest. */
interface Place {
  readonly login: WaitingLogin;
  readonly turn: number;
}

/** How much may run and wait. */
export interface QueueLimits {
  readonly runningMax: number;
  readonly waitingMax: number;
  readonly waitingPerAddressMax: number;
  readonly slowWaitingMax: number;
  readonly slowWaitingPerAddressMax: number;
  /** The pause after a hash of the slow lane. */
  readonly slowPauseMs: number;
}

/** What PROTOCOL.md says: two at a time, and nobody waits for more than about a minute. */
export const queueStandard: QueueLimits = {
  runningMax: 2,
  waitingMax: 128,
  waitingPerAddressMax: 64,
  slowWaitingMax: 32,
  slowWaitingPerAddressMax: 2,
  slowPauseMs: 1000,
};

/** The logins that wait and those that run. */
export interface HashQueue {
  readonly limits: QueueLimits;
  readonly waiting: readonly Place[];
  readonly running: readonly RunningLogin[];
  /** The highest turn that has begun. */
  readonly turn: number;
  readonly nextRequest: number;
  /** Not before this does the slow lane run again. */
  readonly slowReadyAt: Instant;
  /** How long a hash takes, smoothed. */
  readonly hashMs: number;
}

/** Whether a login belongs into the slow lane, as things are now. */
export type IsSlow = (login: { readonly origin: Origin }) => boolean;

/** Nothing waits, nothing runs. */
export function createQueue(limits: QueueLimits = queueStandard): HashQueue {
  return {
    limits,
    waiting: [],
    running: [],
    turn: 0,
    nextRequest: 1,
    slowReadyAt: 0,
    hashMs: 1000,
  };
}

/**
 * The queue with one more login; `undefined` when there is no room for it. A newcomer may push out
 * the last login of the address with the most: so two addresses can't shut out all the others.
 */
export function enqueue(
  queue: HashQueue,
  login: WaitingLogin,
  isSlow: IsSlow,
): { readonly queue: HashQueue; readonly pushedOut?: WaitingLogin } | undefined {
  const { limits, waiting } = queue;
  const { address } = login.origin;
  const mine = waiting.filter((place) => place.login.origin.address === address);
  if (mine.length >= limits.waitingPerAddressMax) return undefined;
  if (isSlow(login)) {
    const slow = waiting.filter((place) => isSlow(place.login));
    const mineSlow = slow.filter((place) => place.login.origin.address === address);
    if (slow.length >= limits.slowWaitingMax) return undefined;
    if (mineSlow.length >= limits.slowWaitingPerAddressMax) return undefined;
  }
  const turn = Math.max(queue.turn, ...mine.map((place) => place.turn)) + 1;
  const more = { ...queue, waiting: [...waiting, { login, turn }] };
  if (waiting.length < limits.waitingMax) return { queue: more };
  const last = lastOfTheGreediest(waiting, mine.length + 1);
  if (last === undefined) return undefined;
  return {
    queue: { ...more, waiting: more.waiting.filter((place) => place !== last) },
    pushedOut: last.login,
  };
}

/** The login whose turn it is, if one may start now. */
export function nextLogin(queue: HashQueue, isSlow: IsSlow, at: Instant): WaitingLogin | undefined {
  if (queue.running.length >= queue.limits.runningMax) return undefined;
  const slowMay = at >= queue.slowReadyAt && !queue.running.some((login) => login.slow);
  let next: Place | undefined;
  for (const place of queue.waiting) {
    if (next !== undefined && next.turn <= place.turn) continue;
    if (isRunning(queue, place.login.origin)) continue;
    if (slowMay || !isSlow(place.login)) next = place;
  }
  return next?.login;
}

/** When the slow lane has to be looked at again; `undefined` when something else comes first. */
export function queueDeadline(queue: HashQueue, isSlow: IsSlow): Instant | undefined {
  if (queue.running.length >= queue.limits.runningMax) return undefined;
  if (queue.running.some((login) => login.slow)) return undefined;
  const held = queue.waiting.some(({ login }) => !isRunning(queue, login.origin) && isSlow(login));
  return held ? queue.slowReadyAt : undefined;
}

/** The queue with a waiting login running. Its password is not kept any longer. */
export function start(
  queue: HashQueue,
  { password: _, ...login }: WaitingLogin,
  record: PasswordRecord,
  slow: boolean,
  at: Instant,
): { readonly queue: HashQueue; readonly request: number } {
  const request = queue.nextRequest;
  const place = queue.waiting.find((each) => isSame(each.login, login));
  const running = { ...login, request, record, slow, startedAt: at };
  return {
    queue: {
      ...withdraw(queue, login.connection),
      running: [...queue.running, running],
      turn: Math.max(queue.turn, place?.turn ?? 0),
      nextRequest: request + 1,
    },
    request,
  };
}

/** The queue without a running login whose hash is done, and that login. */
export function finish(
  queue: HashQueue,
  request: number,
  at: Instant,
): { readonly queue: HashQueue; readonly login: RunningLogin } | undefined {
  const login = queue.running.find((each) => each.request === request);
  if (login === undefined) return undefined;
  return {
    login,
    queue: {
      ...queue,
      running: queue.running.filter((each) => each !== login),
      hashMs: (3 * queue.hashMs + (at - login.startedAt)) / 4,
      slowReadyAt: login.slow ? at + queue.limits.slowPauseMs : queue.slowReadyAt,
    },
  };
}

/** The queue without the waiting login of a connection; one that runs is not to be stopped. */
export function withdraw(queue: HashQueue, connection: ConnectionId): HashQueue {
  const waiting = queue.waiting.filter((place) => place.login.connection !== connection);
  return waiting.length === queue.waiting.length ? queue : { ...queue, waiting };
}

/** In how many milliseconds all that waits now will be done. */
export function workMs(queue: HashQueue): number {
  const logins = queue.waiting.length + queue.running.length;
  return (logins * queue.hashMs) / queue.limits.runningMax;
}

/** A connection asks one thing at a time, so it has one login here at most. */
function isSame(one: { connection: ConnectionId }, other: { connection: ConnectionId }): boolean {
  return one.connection === other.connection;
}

/** Tries for the same pair follow one another: the wait after a failure must count for the next. */
function isRunning(queue: HashQueue, { username, address }: Origin): boolean {
  return queue.running.some(
    ({ origin }) => origin.username === username && origin.address === address,
  );
}

function lastOfTheGreediest(waiting: readonly Place[], atLeast: number): Place | undefined {
  const counts = new Map<string, number>();
  for (const { login } of waiting) {
    counts.set(login.origin.address, (counts.get(login.origin.address) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  if (most <= atLeast) return undefined;
  return waiting.findLast(({ login }) => counts.get(login.origin.address) === most);
}
