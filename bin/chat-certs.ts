#!/usr/bin/env node
/**
 * `chat-certs`: a private CA, certificates for servers and admins, keys for login tickets.
 *
 * @module
 */

import { certificateCommands } from "./host/certificate-commands.ts";
import { runCli } from "./host/cli.ts";

await runCli("chat-certs", certificateCommands);
