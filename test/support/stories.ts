/**
 * Tests that take long because they wait: each story goes through its steps on a cluster of its
 * own, and the stories of a file run at the same time. Every step is a test with a name.
 *
 * @module
 */

import { suite } from "uvu";

/** Steps that follow one another. */
export interface Story<Context> {
  readonly about: string;
  begin(): Promise<Context>;
  end(context: Context): Promise<void>;
  readonly steps: Readonly<Record<string, (context: Context) => Promise<void>>>;
}

/** A story of any context. */
export interface Told {
  readonly about: string;
  readonly names: readonly string[];
  /** Starts it; one promise for each step, and none that nobody looks at. */
  tell(): readonly Promise<void>[];
}

/** Prepares a story for {@link together}. */
export function story<Context>(parts: Story<Context>): Told {
  const steps = Object.values(parts.steps);
  return {
    about: parts.about,
    names: Object.keys(parts.steps),
    tell: () => {
      const begun = parts.begin();
      const told: Promise<void>[] = [];
      for (const [index, step] of steps.entries()) {
        const before = told[index - 1] ?? begun;
        told.push(
          before.then(
            async () => step(await begun),
            (error: Error) => {
              if (index === 0) throw error;
              throw new Error("not reached: an earlier step failed");
            },
          ),
        );
      }
      const last = told.at(-1) ?? begun;
      const ended = last.catch(() => {}).then(async () => parts.end(await begun));
      const all = [...told, ended];
      for (const each of all) each.catch(() => {}); // the test that waits for it will say so
      return all;
    },
  };
}

/** A suite in which all stories run at the same time. */
export function together(name: string, ...stories: readonly Told[]): void {
  const tests = suite(name);
  const promises = new Map<Told, readonly Promise<void>[]>();
  tests.before(() => {
    for (const each of stories) promises.set(each, each.tell());
  });
  for (const each of stories) {
    for (const [index, step] of [...each.names, "the end"].entries()) {
      tests(`${each.about}: ${step}`, async () => await promises.get(each)?.[index]);
    }
  }
  tests.run();
}
