/**
 * What a job asks of the machines that may run it, and whether an advert meets it
 * (docs/protocol/job.md, "Requirement"). Adverts are claims: a node that overstates its device is
 * found out by its results alone, as with its speed.
 */
import { equalBytes } from '../base/bytes.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { type Infer, integer, oneOf, optional, type Shape, struct } from '../wire/shape.ts';
import type { Advert, Device, KernelOffer } from './advert.ts';

const fields = struct({
  /** Kind of the device that the kernel runs on. */
  kind: optional(oneOf('cpu', 'cuda')),
  /** Least compute capability times ten; only with kind `cuda`. */
  capability: optional(integer(10, 999)),
  /** Least memory of that device, bytes. */
  memory: optional(integer(1)),
});
export type Requirement = Infer<typeof fields>;

/** One spelling of "nothing": to ask for nothing is to leave the requirement out. */
export const requirementShape: Shape<Requirement> = (value, path) => {
  const problem = fields(value, path);
  if (problem !== undefined) return problem;
  const { kind, capability } = value as Requirement;
  if (Object.keys(value as object).length === 0) return { path, why: 'asks for nothing' };
  if (capability === undefined || kind === 'cuda') return undefined;
  return { path: `${path}.capability`, why: 'a capability without cuda' };
};

const TEXT_CHARACTERS_MAX = 256;
const MEMORY_UNITS: Readonly<Record<string, number>> = {
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Reads `cuda>=8.0,mem>=16GiB`: terms `cpu`, `cuda`, `cuda>=MAJOR.MINOR` and `mem>=N` with a unit
 * of MiB, GiB or TiB, each at most once. Reason: `bad-requirement`.
 */
export function parseRequirement(text: string): Checked<Requirement> {
  const refused = (why: string) => refuse('bad-requirement', 'reject', why);
  if (text.length > TEXT_CHARACTERS_MAX) return refused('the requirement is too long');
  let requirement: Requirement = {};
  for (const term of text.split(',').map((part) => part.trim())) {
    const more = parseTerm(term);
    if (more === undefined) {
      const known = 'cpu, cuda, cuda>=8.0 and mem>=16GiB';
      return refused(`\`${term}\` is no requirement; those are ${known}`);
    }
    const twice = Object.keys(more).find((name) => Object.hasOwn(requirement, name));
    if (twice !== undefined) return refused(`\`${term}\` sets what an earlier term has set`);
    requirement = { ...requirement, ...more };
  }
  const problem = requirementShape(requirement, 'requirement');
  return problem === undefined ? accept(requirement) : refused(`${problem.path}: ${problem.why}`);
}

function parseTerm(term: string): Requirement | undefined {
  if (term === 'cpu' || term === 'cuda') return { kind: term };
  const [, major, minor] = /^cuda>=(\d{1,2})\.(\d)$/.exec(term) ?? [];
  if (major !== undefined) return { kind: 'cuda', capability: Number(major) * 10 + Number(minor) };
  const [, amount, unit] = /^mem>=(\d{1,6})(MiB|GiB|TiB)$/.exec(term) ?? [];
  return amount === undefined ? undefined : { memory: Number(amount) * MEMORY_UNITS[unit!]! };
}

/** As `parseRequirement` reads it, but for memory that is no whole number of MiB. */
export function requirementText({ kind, capability, memory }: Requirement): string {
  const version = capability === undefined ? '' : `>=${(capability / 10).toFixed(1)}`;
  const device = kind === undefined ? [] : [`${kind}${version}`];
  return [...device, ...(memory === undefined ? [] : [`mem>=${memoryText(memory)}`])].join();
}

function memoryText(memory: number): string {
  const units = Object.entries(MEMORY_UNITS).reverse();
  const [unit, bytes] = units.find(([, size]) => memory % size === 0) ?? [' bytes', 1];
  return `${memory / bytes}${unit}`;
}

export function isSameRequirement(a: Requirement | undefined, b: Requirement | undefined): boolean {
  return equalBytes(encodeCanonical(a ?? null), encodeCanonical(b ?? null));
}

/** Whether the device behind an offer is what the job asks for; without a requirement, always. */
export function isMetBy(
  requirement: Requirement | undefined,
  offer: KernelOffer,
  devices: readonly Device[],
): boolean {
  if (requirement === undefined) return true;
  const { kind, capability = 0, memory = 0 } = requirement;
  return devices.some(
    (device) =>
      isBehind(offer, device) &&
      (kind === undefined || device.kind === kind) &&
      (capability === 0 || (device.kind === 'cuda' && device.capability >= capability)) &&
      device.memory >= memory,
  );
}

/** `cpu/js` stands beside any processor (docs/protocol/advert.md, section 1). */
function isBehind(offer: KernelOffer, device: Device): boolean {
  return device.name === offer.backend || (offer.backend === 'cpu/js' && device.kind === 'cpu');
}

/** Compute capabilities, times ten, of the GPUs there are; a newer one is found by its kernels. */
const CAPABILITIES = [75, 80, 86, 87, 89, 90, 100, 103, 110, 120, 121];

/** Capability classes under which nodes that meet this may have announced themselves. */
export function deviceClasses(requirement: Requirement | undefined): string[] {
  if (requirement?.kind !== 'cuda') return [];
  const { capability = 0 } = requirement;
  return CAPABILITIES.filter((each) => each >= capability).map((each) => `cuda/sm_${each}`);
}

/** Offers of a kernel, by id, that an advert makes as a worker on a device that meets this. */
export function offersFor(
  advert: Pick<Advert, 'roles' | 'devices' | 'kernels'>,
  kernel: string,
  requirement: Requirement | undefined,
): KernelOffer[] {
  if (!advert.roles.includes('worker')) return [];
  return advert.kernels.filter(
    (offer) => offer.id === kernel && isMetBy(requirement, offer, advert.devices),
  );
}
