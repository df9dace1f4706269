/**
 * Certificates for tests: a folder made once per run and shared, and a second CA that nobody
 * trusts.
 *
 * @module
 */

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CertificateRequest,
  createAuthority,
  issueCertificate,
} from "../../bin/host/certificates.ts";
import { temporaryFolder } from "./folders.ts";

const hosts = ["127.0.0.1", "localhost"];

let shared: Promise<string> | undefined;
let forged: Promise<string> | undefined;

/**
 * A folder with a CA, ticket keys, the servers s1 to s4, the authentication server `auth` and the
 * admin `boss`. Nobody may change it; see {@link copyCertificates}.
 */
export function certificatesFolder(): Promise<string> {
  shared ??= makeFolder(
    ["s1", "s2", "s3", "s4"].map((id) => ({ id, role: "server" as const })),
    [
      { id: "auth", role: "auth" },
      { id: "boss", role: "admin" },
    ],
  );
  return shared;
}

/** A folder of another CA, with certificates for s1 and s2 that nobody else should accept. */
export function forgedFolder(): Promise<string> {
  forged ??= makeFolder(
    [
      { id: "s1", role: "server" },
      { id: "s2", role: "server" },
    ],
    [],
  );
  return forged;
}

type Named = Pick<CertificateRequest, "id" | "role">;

async function makeFolder(servers: readonly Named[], others: readonly Named[]): Promise<string> {
  const folder = temporaryFolder();
  await createAuthority(folder);
  for (const { id, role } of [...servers, ...others]) await issue(folder, id, { role });
  return folder;
}

/** Issues a certificate for the loopback, a server's unless said otherwise. */
export async function issue(
  folder: string,
  id: string,
  options: Partial<CertificateRequest> = {},
): Promise<void> {
  await issueCertificate(folder, { id, role: "server", hosts, days: 30, ...options });
}

/** A new folder with some files of another one: one that the test may change. */
export async function copyCertificates(from: string, ...files: string[]): Promise<string> {
  const folder = temporaryFolder();
  for (const file of files) await copyFile(join(from, file), join(folder, file));
  return folder;
}
