/**
 * How a client gets in: a ticket from the authentication server, shown to a chat server. Whoever
 * knows only a chat server learns there where tickets come from. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import { type Instant, sequence, step } from "../machine.ts";
import type { AuthReply, AuthRequest } from "../wire/auth-messages.ts";
import type { ClientReply } from "../wire/client-messages.ts";
import { settleIn } from "./asking.ts";
import { addressOf, answerMs, close, dial, dialMs, stop, tell, tryAgain } from "./recovery.ts";
import type { Trouble } from "./shown.ts";
import type { ClientEffect, ClientState, ClientStep, HeldTicket, LinkId, Phase } from "./state.ts";
import { ticketLifetimeMs } from "./ticket-lifetime.ts";

/** Hashing a password takes its time, and others may be before this one. */
const authenticationMs = 30_000;
/** A ticket with less left is renewed before it is shown. */
const ticketReserveMs = 10_000;
const waitAskedMaxMs = 3_600_000;

type Authenticating = Extract<Phase, { readonly name: "authenticating" }>;
type Entering = Extract<Phase, { readonly name: "entering" }>;

/** The next thing to do to get in, by what is known already. */
export function begin(state: ClientState, at: Instant): ClientStep {
  const { ticket, auth } = state;
  const leftMs = remainingMs(ticket, at);
  if (leftMs > ticketReserveMs) return enter(state, at);
  if (auth === undefined) return enter({ ...state, ticket: undefined }, at);
  if (leftMs > 0) return authenticate(state, at, "ticket");
  if (state.password !== undefined) return authenticate(state, at, "password");
  const { username } = state.config;
  return step({ ...state, phase: { name: "password" } }, { type: "ask-password", username });
}

/** The person has typed the password. */
export function passwordGiven(state: ClientState, at: Instant, password: string): ClientStep {
  if (state.phase.name !== "password") return step(state);
  return begin({ ...state, password, ticket: undefined }, at);
}

function remainingMs(ticket: HeldTicket | undefined, at: Instant): number {
  if (ticket === undefined) return 0;
  return ticket.expiresAt === undefined ? Number.POSITIVE_INFINITY : ticket.expiresAt - at;
}

function authenticate(state: ClientState, at: Instant, proof: "password" | "ticket"): ClientStep {
  const where = state.auth;
  if (where === undefined) return enter(state, at);
  const dialled = dial(state, "auth", where);
  const { link } = dialled;
  const deadline = at + authenticationMs;
  return step(
    { ...dialled.state, phase: { name: "authenticating", link, where, with: proof, deadline } },
    dialled.effect,
  );
}

function enter(state: ClientState, at: Instant): ClientStep {
  const where = state.target;
  const dialled = dial(state, "chat", where);
  const phase = { name: "entering", link: dialled.link, where, deadline: at + dialMs } as const;
  return step({ ...dialled.state, phase }, dialled.effect);
}

/** The connection to the authentication server stands. */
export function authOpened(state: ClientState, phase: Authenticating): ClientStep {
  const { username, identity } = state.config;
  const message: AuthRequest =
    phase.with === "ticket"
      ? { type: "login", ticket: state.ticket?.text ?? "" }
      : { type: "login", username, password: state.password ?? "", identity };
  return step(state, { type: "send", link: phase.link, message });
}

/** The connection to the chat server stands. */
export function chatOpened(state: ClientState, at: Instant, phase: Entering): ClientStep {
  const { identity } = state.config;
  const ticket = state.ticket === undefined ? {} : { ticket: state.ticket.text };
  return step(
    { ...state, phase: { ...phase, deadline: at + answerMs } },
    { type: "send", link: phase.link, message: { type: "newidentity", identity, ...ticket } },
  );
}

/** The authentication server has decided. */
export function authAnswered(
  state: ClientState,
  at: Instant,
  phase: Authenticating,
  reply: AuthReply,
): ClientStep {
  if (reply.type === "login" && reply.approved === "true") {
    return sequence(
      withTicket(state, at, reply),
      (s) => step(s, close(phase.link)),
      (s) => begin(s, at),
    );
  }
  const { reason } = reply;
  if (phase.with === "ticket" && (reason === "ticket-expired" || reason === "ticket-invalid")) {
    return again({ ...state, ticket: undefined }, at, phase.link);
  }
  const retryAfterMs = waitAsked(reply);
  const trouble = refusedBy("auth", phase, reason, retryAfterMs);
  if (reason === "busy" || (reason === "throttled" && state.recovery !== undefined)) {
    return tryAgain(state, at, trouble, retryAfterMs);
  }
  // A wrong password doesn't become right by trying, only more expensive.
  return stop(state, 1, trouble);
}

/** The state with the ticket that was granted. */
export function withTicket(
  state: ClientState,
  at: Instant,
  reply: { readonly ticket: string; readonly expires: string },
): ClientState {
  const lifetimeMs = ticketLifetimeMs(reply.ticket, reply.expires);
  const known = lifetimeMs !== undefined && state.auth !== undefined;
  return {
    ...state,
    password: undefined,
    ticket: {
      text: reply.ticket,
      expiresAt: lifetimeMs === undefined ? undefined : at + lifetimeMs,
      fresh: true,
    },
    // Early enough for several tries before it ends.
    renewAt: known ? at + lifetimeMs * 0.75 : undefined,
  };
}

/** How long the reply asks to wait, if it does. */
export function waitAsked(reply: AuthReply): number | undefined {
  if (reply.type !== "login" || reply.approved === "true") return undefined;
  const seconds = reply.retryafter === undefined ? Number.NaN : Number(reply.retryafter);
  return seconds >= 0 ? Math.min(waitAskedMaxMs, seconds * 1000) : undefined;
}

/** The chat server has decided. */
export function identityAnswered(
  state: ClientState,
  at: Instant,
  phase: Entering,
  reply: Extract<ClientReply, { type: "newidentity" }>,
): ClientStep {
  if (reply.approved === "true") return entered(state, at, phase);
  const reason = reply.reason ?? "identity-in-use"; // the only reason the base protocol has
  const auth = state.auth ?? addressOf(reply.authhost ?? "", reply.authport ?? "");
  const ofTicket =
    reason === "login-required" || reason === "ticket-expired" || reason === "ticket-invalid";
  if (ofTicket && auth === undefined) {
    return stop(state, 1, { what: "auth-unknown", where: phase.where });
  }
  if (ofTicket && state.ticket?.fresh !== true) {
    return again({ ...state, auth, ticket: undefined }, at, phase.link);
  }
  const trouble = refusedBy("chat", phase, reason);
  return mayPass(reason, state.recovery !== undefined)
    ? tryAgain(state, at, trouble)
    : stop(state, 1, trouble);
}

/** While servers die and names are still being freed, more is worth a second try. */
function mayPass(reason: string, recovering: boolean): boolean {
  if (reason === "busy" || reason === "no-quorum") return true;
  return (
    recovering &&
    (reason === "identity-in-use" || reason === "draining" || reason === "unreachable")
  );
}

function entered(state: ClientState, at: Instant, phase: Entering): ClientStep {
  const { link, where } = phase;
  const { recovery, ticket } = state;
  const returning = recovery !== undefined && state.room !== "";
  const room = recovery?.room;
  const back = room === undefined ? [] : [{ type: "join", roomid: room } as const];
  const next: ClientState = {
    ...state,
    phase: { name: "chatting", link, where, since: at, deadline: undefined },
    ticket: ticket === undefined ? undefined : { ...ticket, fresh: false },
    queue: [...back, ...state.queue],
  };
  return sequence(
    next,
    (s) => step(s, ...(returning ? [tell({ what: "back", where })] : [])),
    (s) => settleIn(s, at),
  );
}

function again(state: ClientState, at: Instant, link: LinkId): ClientStep {
  return sequence(
    state,
    (s) => step<ClientState, ClientEffect>(s, close(link)),
    (s) => begin(s, at),
  );
}

function refusedBy(
  purpose: "auth" | "chat",
  { where }: Authenticating | Entering,
  reason: string,
  retryAfterMs?: number,
): Trouble {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { what: "login-refused", purpose, where, reason, ...wait };
}
