/**
 * The client as a machine: which conversation an input belongs to, and when it wants to be woken.
 * A terminal, a bot and a page in a browser run the same one.
 *
 * @module
 */

import { type Instant, type Machine, sequence, step } from "../machine.ts";
import type { AuthReply } from "../wire/auth-messages.ts";
import type { ClientReply } from "../wire/client-messages.ts";
import { ask, leave, typed } from "./asking.ts";
import { nextDeadline, settle } from "./deadlines.ts";
import {
  authAnswered,
  authOpened,
  begin,
  chatOpened,
  identityAnswered,
  passwordGiven,
} from "./login.ts";
import { moveAnswered, moveFailed, moveOpened, routed } from "./moving.ts";
import { failedTry, lost, stop } from "./recovery.ts";
import { renewalAnswered, renewalFailed, renewalOpened } from "./renewal.ts";
import { heard } from "./replies.ts";
import type { DialFailure, Trouble } from "./shown.ts";
import type { ClientEffect, ClientInput, ClientState, ClientStep, LinkId, Phase } from "./state.ts";

/**
 * The client machine. Deadlines that have passed are settled before an input is looked at.
 *
 * @example
 * ```ts
 * const tick = (at: number) => ({ type: "tick", at }) as const;
 * const driver = new Driver(clientMachine, createClient(config), host, tick);
 * driver.start();
 * driver.input({ type: "typed", at: host.now(), text: "#join jokes" });
 * ```
 */
export const clientMachine: Machine<ClientState, ClientInput, ClientEffect> = {
  step(state, input) {
    return sequence(
      state,
      (s) => settle(s, input.at),
      (s) => (s.phase.name === "over" ? step(s) : take(s, input)),
    );
  },
  nextDeadline,
};

function take(state: ClientState, input: ClientInput): ClientStep {
  const { at } = input;
  switch (input.type) {
    case "tick":
      return state.phase.name === "idle" ? begin(state, at) : step(state);
    case "typed":
      return typed(state, at, input.text);
    case "ask":
      return ask(state, at, input.request);
    case "password":
      return passwordGiven(state, at, input.text);
    case "leave":
      return leave(state, at);
    case "opened":
      return opened(state, at, input.link);
    case "received":
      return received(state, at, input.link, input.message);
    case "malformed": {
      const { reason, detail, fatal } = input.error;
      return malformed(state, at, input.link, {
        detail,
        unknown: reason === "unknown-type",
        fatal,
      });
    }
    case "closed":
      return ended(state, at, input.link, { kind: "closed", detail: input.reason });
    case "failed":
      return ended(state, at, input.link, { kind: "failed", why: input.why });
  }
}

function opened(state: ClientState, at: Instant, link: LinkId): ClientStep {
  const { phase, renewal } = state;
  if (renewal?.link === link) return renewalOpened(state, renewal);
  if (!("link" in phase) || phase.link !== link) return step(state);
  if (phase.name === "authenticating") return authOpened(state, phase);
  if (phase.name === "entering") return chatOpened(state, at, phase);
  return phase.name === "moving" ? moveOpened(state, phase) : step(state);
}

function received(
  state: ClientState,
  at: Instant,
  link: LinkId,
  message: ClientReply | AuthReply,
): ClientStep {
  const { phase, renewal } = state;
  if (message.type === "login") {
    if (renewal?.link === link) return renewalAnswered(state, at, renewal, message);
    const mine = phase.name === "authenticating" && phase.link === link;
    return mine ? authAnswered(state, at, phase, message) : step(state);
  }
  if (message.type === "error" && renewal?.link === link) {
    return renewalFailed(state, at, renewal);
  }
  return receivedInPhase(state, at, link, message);
}

function receivedInPhase(
  state: ClientState,
  at: Instant,
  link: LinkId,
  message: ClientReply,
): ClientStep {
  const { phase } = state;
  if (phase.name === "moving") {
    if (phase.link === link) return moveAnswered(state, at, phase, message);
    return phase.old?.link === link ? heard(state, at, message) : step(state);
  }
  if (!("link" in phase) || phase.link !== link) return step(state);
  switch (phase.name) {
    case "authenticating":
      return message.type === "error"
        ? authAnswered(state, at, phase, { ...message, reason: authReason(message.reason) })
        : step(state);
    case "entering":
      if (message.type === "newidentity") return identityAnswered(state, at, phase, message);
      return message.type === "error"
        ? failedTry(state, at, {
            what: "not-understood",
            where: phase.where,
            detail: message.detail,
          })
        : heard(state, at, message);
    case "chatting":
      return message.type === "route"
        ? routed(state, at, phase, message)
        : heard({ ...state, phase: { ...phase, deadline: undefined } }, at, message);
    case "leaving":
      return heard(state, at, message);
  }
}

/** An error of the chat server's kind has more reasons than the authentication server knows. */
function authReason(reason: string): Extract<AuthReply, { type: "error" }>["reason"] {
  return reason === "busy" ? "busy" : "malformed";
}

interface Malformed {
  readonly detail: string;
  readonly unknown: boolean;
  readonly fatal: boolean;
}

/** Unknown types are for clients to ignore; what can't be read at all ends the connection. */
function malformed(state: ClientState, at: Instant, link: LinkId, error: Malformed): ClientStep {
  const { phase } = state;
  const { detail } = error;
  if (phase.name === "moving" && phase.link === link) {
    return moveFailed(state, at, phase, { detail: "its answer can't be read" });
  }
  const gettingIn = phase.name === "authenticating" || phase.name === "entering";
  if (gettingIn && phase.link === link && !error.unknown) {
    return failedTry(state, at, { what: "not-understood", where: phase.where, detail });
  }
  if (!error.fatal) return step(state);
  return sequence(
    state,
    (s) => step(s, { type: "close", link }),
    (s) => ended(s, at, link, { kind: "closed", detail: `it sent what can't be read (${detail})` }),
  );
}

type End =
  | { readonly kind: "closed"; readonly detail: string }
  | { readonly kind: "failed"; readonly why: DialFailure };

function ended(state: ClientState, at: Instant, link: LinkId, end: End): ClientStep {
  const { phase, renewal } = state;
  if (renewal?.link === link) return renewalFailed(state, at, renewal);
  if (phase.name === "moving" && phase.old?.link === link) {
    return step({ ...state, phase: { ...phase, old: undefined } });
  }
  if (!("link" in phase) || phase.link !== link) return step(state);
  const detail = end.kind === "closed" ? end.detail : end.why.detail;
  switch (phase.name) {
    case "authenticating":
    case "entering":
      return failedTry(state, at, troubleOf(phase, end));
    case "chatting":
      return lost(state, at, phase, detail);
    case "moving":
      return moveFailed(state, at, phase, { detail });
    case "leaving":
      return stop(state, 0);
  }
}

function troubleOf(
  { name, where }: Extract<Phase, { name: "authenticating" | "entering" }>,
  end: End,
): Trouble {
  if (end.kind === "closed") return { what: "lost", where, detail: end.detail };
  const purpose = name === "authenticating" ? "auth" : "chat";
  return { what: "cannot-connect", purpose, where, why: end.why };
}
