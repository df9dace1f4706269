/**
 * What a client does when time passes: every wait of it, in one place.
 *
 * @module
 */

import { type Instant, step } from "../machine.ts";
import { askServers, release } from "./asking.ts";
import { begin } from "./login.ts";
import { moveFailed } from "./moving.ts";
import { failedTry, lost, show, stop } from "./recovery.ts";
import { renew, renewalFailed } from "./renewal.ts";
import type { ClientEffect, ClientState, ClientStep, Phase } from "./state.ts";

/** When the client next wants a `tick`. */
export function nextDeadline(state: ClientState): Instant | undefined {
  const instants = deadlines(state)
    .map(({ due }) => due)
    .filter((due) => due !== undefined);
  return instants.length === 0 ? undefined : Math.min(...instants);
}

/** More waits than a client can have; a deadline that failed to move must not hang it. */
const passedMax = 10;

/** Does what is due, one after another, each on the state the last one left. */
export function settle(state: ClientState, at: Instant): ClientStep {
  let current = state;
  const effects: ClientEffect[] = [];
  for (let count = 0; count < passedMax; count++) {
    const passed = deadlines(current).find(({ due }) => due !== undefined && due <= at);
    if (passed === undefined) break;
    const next = passed.pass(current, at);
    current = next.state;
    effects.push(...next.effects);
  }
  return { state: current, effects };
}

/** A moment the client waits for and what happens then. */
interface Deadline {
  readonly due: Instant | undefined;
  readonly pass: (state: ClientState, at: Instant) => ClientStep;
}

function deadlines(state: ClientState): readonly Deadline[] {
  const { phase, awaiting, renewal, renewAt, askServersAt } = state;
  return [
    ...ofPhase(phase),
    { due: awaiting?.deadline, pass: release },
    { due: askServersAt, pass: askServers },
    { due: renewAt, pass: renew },
    {
      due: renewal?.deadline,
      pass: (s, at) => (renewal === undefined ? step(s) : renewalFailed(s, at, renewal)),
    },
  ];
}

function ofPhase(phase: Phase): readonly Deadline[] {
  switch (phase.name) {
    case "authenticating":
    case "entering": {
      const trouble = { what: "silent", where: phase.where } as const;
      return [{ due: phase.deadline, pass: (s, at) => failedTry(s, at, trouble) }];
    }
    case "chatting":
      return [{ due: phase.deadline, pass: (s, at) => lost(s, at, phase, "it no longer answers") }];
    case "moving":
      return [
        {
          due: phase.deadline,
          pass: (s, at) => moveFailed(s, at, phase, { detail: "no answer there" }),
        },
      ];
    case "leaving":
      return [{ due: phase.deadline, pass: (s) => stop(s, 0) }];
    case "waiting":
      return [
        { due: phase.countdownAt, pass: (s, at) => countDown(s, at, phase) },
        { due: phase.until, pass: begin },
      ];
    default:
      return [];
  }
}

function countDown(
  state: ClientState,
  at: Instant,
  phase: Extract<Phase, { name: "waiting" }>,
): ClientStep {
  const seconds = Math.ceil((phase.until - at) / 1000);
  const next = { ...state, phase: { ...phase, countdownAt: at + 1000 } };
  return seconds > 0 ? step(next, show({ kind: "countdown", seconds })) : step(next);
}
