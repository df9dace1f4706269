/**
 * The words for what went wrong: what happened, where, and what to do next, in one line.
 *
 * @module
 */

import { type Address, formatAddress } from "../wire/fields.ts";
import type { DialFailure, Trouble } from "./shown.ts";
import { clean, inWords } from "./words.ts";

/** One line that says it. */
export function describeTrouble(trouble: Trouble): string {
  switch (trouble.what) {
    case "cannot-connect": {
      const server = `${serverOf(trouble.purpose)} ${at(trouble.where)}`;
      return `Can't connect to the ${server}: ${describeFailure(trouble.why)}`;
    }
    case "login-refused":
      return describeRefusal(trouble);
    case "auth-unknown":
      return [
        `The chat server ${at(trouble.where)} wants a login and does not say where.`,
        "Give the address of the authentication server (--auth host:port).",
      ].join(" ");
    case "dismissed":
      return [
        `The chat server ${at(trouble.where)} has ended your session: an administrator did,`,
        "or the same identity came in elsewhere. Start again to log in again.",
      ].join(" ");
    case "silent":
      return `No answer from ${at(trouble.where)}. Try again later or use another server.`;
    case "lost":
      return `Lost the connection to ${at(trouble.where)}: ${clean(trouble.detail)}.`;
    case "not-understood":
      return [
        `${at(trouble.where)} does not speak this protocol: ${clean(trouble.detail)}.`,
        "Check host and port.",
      ].join(" ");
    case "retrying":
      return trouble.again
        ? `Nobody there. Trying ${at(trouble.where)} in ${seconds(trouble.inMs)}.`
        : `Trying ${at(trouble.where)} in ${seconds(trouble.inMs)}; what you type is kept.`;
    case "back":
      return `Logged in again, at ${at(trouble.where)}.`;
    case "unsent": {
      const messages = trouble.count === 1 ? "1 message" : `${trouble.count} messages`;
      return `Not sent: ${messages} typed while there was no connection.`;
    }
    case "left-early":
      return "Left before the login was done.";
  }
}

function at(address: Address): string {
  return clean(formatAddress(address));
}

function serverOf(purpose: "auth" | "chat"): string {
  return purpose === "auth" ? "authentication server" : "chat server";
}

/** Half a second as "0.5 s", a minute as "60 s". */
function seconds(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 1000)} s`;
}

function describeFailure(why: DialFailure): string {
  switch (why.kind) {
    case "refused":
      return "connection refused. Is it running there, and is the port right?";
    case "unknown-host":
      return "unknown host. Check the spelling of the host name.";
    case "unreachable":
      return "the network does not reach it. Check the address and your connection.";
    case "untrusted":
      return [
        `its certificate is not trusted (${clean(why.detail)}); nothing was sent.`,
        "Use the ca.pem of its operator (--ca).",
      ].join(" ");
    case "wrong-name":
      return [
        `its certificate is for another name (${clean(why.detail)}); nothing was sent.`,
        "Connect by a name that the certificate has.",
      ].join(" ");
    case "timeout":
      return "no answer in time. Is it running there, and does it speak TLS?";
    case "other":
      return `${clean(why.detail)}. Check host and port.`;
  }
}

function describeRefusal(trouble: Extract<Trouble, { what: "login-refused" }>): string {
  const { reason, retryAfterMs, where, purpose } = trouble;
  const refused = `Login refused by the ${serverOf(purpose)} ${at(where)}: ${inWords(reason)}.`;
  return `${refused} ${adviceFor(reason, retryAfterMs)}`;
}

function adviceFor(reason: string, retryAfterMs: number | undefined): string {
  if (retryAfterMs !== undefined) return `Try again in ${seconds(retryAfterMs)}.`;
  switch (reason) {
    case "credentials":
      return "Check user name and password, then start again.";
    case "identity-invalid":
    case "identity-in-use":
    case "identity-reserved":
      return "Choose another identity (-i).";
    case "ticket-invalid":
    case "ticket-expired":
      return "Start again to log in again; if that fails too, tell its operator (keys, clocks).";
    case "draining":
      return "Use another server.";
    default:
      return "Try again later.";
  }
}
