/** A native addon that loads and works, and gets single kernels wrong: planted on a node. */
import { writeFile } from 'node:fs/promises';

interface WrongAddon {
  /** The real addon's file. */
  readonly addon: string;
  /** enum kadre_kernel */
  readonly kernels: readonly number[];
  /** Only on these backends; absent: on all. */
  readonly backends?: readonly string[];
}

/** Writes a module whose last bit of the first output is wrong where it is told to. */
export async function writeWrongAddon(file: string, wrong: WrongAddon): Promise<void> {
  const { addon, kernels, backends } = wrong;
  await writeFile(
    file,
    `const addon = require(${JSON.stringify(addon)});
const isWrong = (backend, kernel) =>
  ${JSON.stringify(kernels)}.includes(kernel) &&
  (${JSON.stringify(backends ?? null)} ?? [backend]).includes(backend);
const spoil = ([backend, kernel, , , [out]]) => {
  if (isWrong(backend, kernel)) out[out.length - 1] ^= 1;
};
module.exports = {
  ...addon,
  runNow: (...call) => { addon.runNow(...call); spoil(call); },
  run: async (...call) => { await addon.run(...call); spoil(call); },
};
`,
  );
}
