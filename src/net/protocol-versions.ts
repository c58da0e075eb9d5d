/**
 * Which versions of the network's protocols a peer speaks, by what identify says of it, and whether
 * this node has one in common (docs/protocol/transport.md, "Versions"). The highest common one is
 * taken, stream by stream; a peer without any is told apart from one that cannot be reached.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { ProtocolName } from '../base/ports.ts';
import { PROTOCOL_NAMES, PROTOCOL_VERSION } from './protocols.ts';

/** A peer of this network whose protocols this node does not speak. */
export interface OtherVersion {
  readonly peer: PeerId;
  /** The highest that it speaks. */
  readonly version: number;
}

const VERSION = /^[1-9]\d{0,3}$/;

/** Ascending; empty when the peer does not speak this protocol of this network at all. */
export function versionsSpoken(
  networkId: string,
  name: ProtocolName,
  protocols: readonly string[],
): number[] {
  const prefix = `/kadre/${networkId}/${name}/`;
  const versions = protocols
    .filter((protocol) => protocol.startsWith(prefix))
    .map((protocol) => protocol.slice(prefix.length))
    .filter((text) => VERSION.test(text))
    .map(Number);
  return [...new Set(versions)].toSorted((a, b) => a - b);
}

/**
 * The version of a peer that speaks protocols of the network, and none of them in this node's
 * version; undefined when there is one in common, or nothing of the network at all.
 */
export function otherVersion(networkId: string, protocols: readonly string[]): number | undefined {
  const spoken = PROTOCOL_NAMES.flatMap((name) => versionsSpoken(networkId, name, protocols));
  return spoken.includes(PROTOCOL_VERSION) ? undefined : spoken.toSorted((a, b) => b - a)[0];
}

/** The refusal of a stream for want of a common version; undefined when it is not for that. */
export function versionRefusal(
  peer: PeerId,
  { networkId, name }: { readonly networkId: string; readonly name: ProtocolName },
  protocols: readonly string[],
): KadreError | undefined {
  const spoken = versionsSpoken(networkId, name, protocols);
  const highest = spoken.at(-1);
  if (highest === undefined || spoken.includes(PROTOCOL_VERSION)) return undefined;
  const isNewer = highest > PROTOCOL_VERSION;
  const advice = isNewer ? 'upgrade this node' : 'that node must be upgraded; use others';
  const data = { protocol: name, spoken, own: [PROTOCOL_VERSION] };
  return new KadreError(
    { code: 'VERSION_UNSUPPORTED', peer, advice, data },
    `${peer} speaks version ${spoken.join(', ')} of ${name}, this node version ${PROTOCOL_VERSION}`,
  );
}
