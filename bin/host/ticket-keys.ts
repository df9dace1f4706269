/**
 * The keys of login tickets: `ticket.pub` for everybody who reads tickets, `ticket.key` for the one
 * who signs. Native cryptography; the library's own works too, but costs a hundred times as much.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signNatively,
  verify as verifyNatively,
} from "node:crypto";
import { join } from "node:path";
import type { TicketKeys, VerifyBytes } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import { readText } from "./files.ts";

const advice = (folder: string) => `make it with: chat-certs init --dir ${folder}`;

/**
 * Reads `ticket.pub` of a folder: any of its keys may have signed a ticket, so that a new key can
 * be made known before it is used.
 *
 * @example
 * ```ts
 * const verify = await loadTicketVerifier("certs");
 * const claims = readTicket(ticket, { unixSeconds: Math.floor(Date.now() / 1000), verify });
 * ```
 */
export async function loadTicketVerifier(folder: string): Promise<VerifyBytes> {
  return verifierOf(await loadPublicKeys(folder));
}

/** Reads both files, and refuses a signing key whose tickets nobody would accept. */
export async function loadTicketKeys(folder: string): Promise<TicketKeys> {
  const path = join(folder, "ticket.key");
  const key = parseKey(path, await readText(path, advice(folder)), createPrivateKey);
  const publicKeys = await loadPublicKeys(folder);
  const own = spki(createPublicKey(key));
  if (!publicKeys.some((each) => spki(each) === own)) {
    throw new UsageError(`${join(folder, "ticket.pub")} lacks the public key of ${path}: add it`);
  }
  return {
    sign: (bytes) => new Uint8Array(signNatively(null, bytes, key)),
    verify: verifierOf(publicKeys),
  };
}

async function loadPublicKeys(folder: string): Promise<readonly KeyObject[]> {
  const path = join(folder, "ticket.pub");
  const text = await readText(path, advice(folder));
  const blocks = text.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? [];
  if (blocks.length === 0) throw new UsageError(`${path} holds no key in PEM form`);
  if (blocks.some((block) => !block.startsWith("-----BEGIN PUBLIC KEY-----"))) {
    throw new UsageError(`${path} must hold public keys (SPKI PEM) and nothing else`);
  }
  return blocks.map((block) => parseKey(path, block, createPublicKey));
}

function verifierOf(keys: readonly KeyObject[]): VerifyBytes {
  return (bytes, signature) => keys.some((key) => verifyNatively(null, bytes, key, signature));
}

function parseKey(path: string, pem: string, read: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read(pem);
  } catch {
    throw new UsageError(`${path} is no key in PEM form`);
  }
  if (key.asymmetricKeyType !== "ed25519") throw new UsageError(`${path} is no Ed25519 key`);
  return key;
}

function spki(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
