/**
 * A new or renamed file is durable only once its directory entry is (consensus.md section 1.9): one
 * place that makes it so.
 */
import { open } from 'node:fs/promises';

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
