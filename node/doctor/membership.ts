/** Whether the identity of a data directory belongs to the network it is to join. */
import { KadreError } from '../../src/base/errors.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { readIdentity } from '../../src/crypto/node/keystore.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import { proveMembership } from '../../src/sdk/prove-membership.ts';
import { dataDirFiles } from '../data-dir.ts';
import { heldInvitation } from '../held-admission.ts';
import { type CheckResult, ok, problem } from './check.ts';

/** Nothing to say of networks that need no invitation. Errors: BAD_CONFIG, DATA_DIR_DAMAGED. */
export async function checkInvited(
  nameOrFile: string,
  dataDir: string,
  given: string | undefined,
): Promise<readonly CheckResult[]> {
  const network = await loadNetwork(nameOrFile);
  if (network.admission.kind !== 'invite') return [];
  const name = 'invitation';
  const files = dataDirFiles(dataDir);
  const seed = await readIdentity(files.identity);
  if (seed === undefined) {
    const advice = 'run `kadre up` once for an identity, then ask for an invitation for it';
    return [problem(name, `${dataDir} has no identity that could be invited`, advice)];
  }
  const invitation = given ?? (await heldInvitation(files, network.id));
  try {
    await proveMembership(network, signerFromSeed(seed), { invitation });
    return [ok(name, `holds for ${network.name}`)];
  } catch (cause) {
    if (!(cause instanceof KadreError)) throw cause;
    return [problem(name, cause.message, cause.advice)];
  }
}
