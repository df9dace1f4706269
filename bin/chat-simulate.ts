#!/usr/bin/env node
/**
 * `chat-simulate`: whole clusters in virtual time under faults, from seeds that repeat.
 *
 * @module
 */

import { runCli } from "./host/cli.ts";
import { runSimulation, simulationFlags } from "./host/simulation.ts";

await runCli("chat-simulate", (cli) => {
  simulationFlags(cli).action(runSimulation);
});
