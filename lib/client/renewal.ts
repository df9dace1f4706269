/**
 * Keeps the ticket alive beside the chat, so that a client whose server dies gets into another one
 * without its password, which it has forgotten on purpose. Quiet: a failed renewal is tried again
 * until the ticket ends, and only then somebody is asked. Source: PROTOCOL.md section 4.
 *
 * @module
 */

import { type Instant, sequence, step } from "../machine.ts";
import type { AuthReply } from "../wire/auth-messages.ts";
import { waitAsked, withTicket } from "./login.ts";
import { answerMs, close, dial } from "./recovery.ts";
import type { ClientState, ClientStep, Renewal } from "./state.ts";

const retryMs = 15_000;

/** Dials the authentication server, if there is still something to renew. */
export function renew(state: ClientState, at: Instant): ClientStep {
  const { auth, ticket, phase } = state;
  const living = ticket !== undefined && (ticket.expiresAt ?? Number.POSITIVE_INFINITY) > at;
  const inside = phase.name === "chatting" || phase.name === "moving";
  if (auth === undefined || !living || !inside || state.renewal !== undefined) {
    return step({ ...state, renewAt: undefined });
  }
  const dialled = dial(state, "auth", auth);
  const renewal = { link: dialled.link, deadline: at + 2 * answerMs };
  return step({ ...dialled.state, renewal, renewAt: undefined }, dialled.effect);
}

/** The connection stands: shows the living ticket. */
export function renewalOpened(state: ClientState, renewal: Renewal): ClientStep {
  const message = { type: "login", ticket: state.ticket?.text ?? "" } as const;
  return step(state, { type: "send", link: renewal.link, message });
}

/** The new ticket, or why there is none. */
export function renewalAnswered(
  state: ClientState,
  at: Instant,
  renewal: Renewal,
  reply: AuthReply,
): ClientStep {
  const done = { ...state, renewal: undefined };
  if (reply.type === "login" && reply.approved === "true") {
    return step(withTicket(done, at, reply), close(renewal.link));
  }
  const passing = reply.reason === "busy" || reply.reason === "throttled";
  const renewAt = passing ? at + Math.max(retryMs, waitAsked(reply) ?? 0) : undefined;
  return step({ ...done, renewAt }, close(renewal.link));
}

/** It came to nothing; once more in a while. */
export function renewalFailed(state: ClientState, at: Instant, renewal: Renewal): ClientStep {
  return sequence({ ...state, renewal: undefined, renewAt: at + retryMs }, (s) =>
    step(s, close(renewal.link)),
  );
}
