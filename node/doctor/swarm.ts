/**
 * What the swarm says of the node that runs here: whether others reach it, whether its clock is
 * theirs, whether they speak its protocol. Pure: what was found is an argument.
 */
import type { PeerFinding } from '../../src/net/dial-back.ts';
import { PROTOCOL_VERSION } from '../../src/net/protocols.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import type { NodeStatus } from '../node-facade.ts';
import { type CheckResult, ok, problem, warning } from './check.ts';

type Answer = Extract<PeerFinding, { readonly failure: null }>;

/** Adverts are refused beyond `advertClockSkewMsMax`; this is when it is worth a word. */
const SKEW_ADVISED_MS = 10_000;

export function checkSwarm(
  status: Pick<NodeStatus, 'reachability' | 'addrs' | 'otherVersions'>,
  findings: readonly PeerFinding[],
): readonly CheckResult[] {
  const answers = findings.filter((finding): finding is Answer => finding.failure === null);
  return [
    checkReach(status, findings.length, answers),
    ...checkSkew(answers),
    ...checkVersions(status.otherVersions),
  ];
}

function checkReach(
  { reachability, addrs }: Pick<NodeStatus, 'reachability' | 'addrs'>,
  asked: number,
  answers: readonly Answer[],
): CheckResult {
  const name = 'reachability';
  if (answers.length === 0) {
    const detail = asked === 0 ? 'no peer is connected to ask' : `none of ${asked} peers answered`;
    return warning(name, `${detail}; it looks ${reachability}`, 'ask again once peers are there');
  }
  const reached = answers.flatMap(({ results }) => results.filter((result) => result.reached));
  const by = answers.filter(({ results }) => results.some((result) => result.reached)).length;
  const where = [...new Set(reached.map(({ address }) => address.split('/p2p/')[0]!))].join(', ');
  if (by > 0) return ok(name, `${by} of ${answers.length} peers reached it at ${where}`);
  const port = /\/tcp\/(\d+)/.exec(addrs[0] ?? '')?.[1] ?? '4001';
  const forward = `forward TCP port ${port} of the router or firewall to this machine`;
  const advice = `${forward}, then \`kadre up --announce /ip4/YOUR-PUBLIC-IP/tcp/${port}\``;
  const detail = `none of ${answers.length} peers that were asked reached it (${reachability})`;
  return warning(name, `${detail}: it works through relays, without bulk`, advice);
}

/** The middle one of what several peers say: one wrong clock among them says nothing. */
function checkSkew(answers: readonly Answer[]): readonly CheckResult[] {
  const skews = answers.map(({ skewMs }) => skewMs).toSorted((a, b) => a - b);
  const skewMs = skews[Math.floor(skews.length / 2)];
  if (skewMs === undefined) return [];
  const [name, advice] = ['clock of the swarm', 'set the clock: `timedatectl set-ntp true`'];
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  const detail = `${seconds} s ${skewMs < 0 ? 'behind' : 'ahead of'} ${skews.length} peers`;
  if (Math.abs(skewMs) > LIMITS.advertClockSkewMsMax) {
    return [problem(name, `${detail}: adverts are refused`, advice)];
  }
  return [Math.abs(skewMs) > SKEW_ADVISED_MS ? warning(name, detail, advice) : ok(name, detail)];
}

function checkVersions(others: NodeStatus['otherVersions']): readonly CheckResult[] {
  const newer = others.filter(({ version }) => version > PROTOCOL_VERSION);
  if (newer.length === 0) return [];
  const versions = [...new Set(newer.map(({ version }) => version))].join(', ');
  const detail = `${newer.length} peers speak version ${versions}, this node ${PROTOCOL_VERSION}`;
  return [warning('protocol', detail, 'upgrade this node: npm install -g kadre@latest')];
}
