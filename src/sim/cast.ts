/** Who plays what in a seeded world: roles, speeds, clocks, and which nodes lie. */
import { toHex } from '../base/bytes.ts';
import type { Signer } from '../base/ports.ts';
import type { Role } from '../swarm/advert.ts';
import {
  MEMBER_BEHAVIOURS,
  type MemberBehaviour,
  memberHooksOf,
  type PlanPen,
} from './lying-member.ts';
import type { Scenario } from './scenarios.ts';
import type { SeededRandom } from './seeded-random.ts';
import { textOf } from './sim-keys.ts';
import { CADRE_SEATS } from './sim-limits.ts';
import type { SimNode, SimNodeInit } from './sim-node.ts';
import type { SimWorld } from './sim-world.ts';
import { readSigned } from './wire-reader.ts';
import { type Behaviour, hooksOf } from './worker-behaviours.ts';

/** `crash` is left out: power cuts are the scenario's, and come back. */
const WORKER_LIES: readonly Behaviour[] = [
  'wrong-result',
  'wrong-result',
  'silent',
  'slow',
  'equivocate',
  'copy',
  'withhold',
];

/** Behaviours whose results may differ from the honest ones. */
const WRONG: ReadonlySet<string> = new Set(['wrong-result', 'copy', 'equivocate']);

export class Cast {
  readonly client: SimNode;
  /** In the order of their numbers, without the client. */
  readonly nodes: readonly SimNode[];
  readonly #lies = new Map<SimNode, Behaviour | MemberBehaviour>();
  readonly #pens = new Map<string, PlanPen>();
  readonly #forged = new Set<string>();

  constructor(world: SimWorld, init: { readonly scenario: Scenario; readonly nodes: number }) {
    const { scenario } = init;
    const { random } = world;
    this.client = world.add({ roles: [] });
    const lies = drawLies(random, init);
    // Everyone does everything, or cadre and workers are apart: who goes takes no work along.
    const isApart = random.chance(0.5) || scenario.departuresMax > 0;
    const members = CADRE_SEATS + Math.max(1, scenario.departuresMax);
    this.nodes = Array.from({ length: init.nodes }, (_, at) => {
      const lie = lies[at] ?? null;
      const isMember = at < members;
      const roles: Role[] = isApart ? [isMember ? 'cadre' : 'worker'] : ['worker', 'cadre'];
      const node = world.add(this.#initOf(random, { scenario, lie, roles }));
      if (lie !== null) this.#lies.set(node, lie);
      return node;
    });
    world.observe({
      signed: (node, { publicKey, message }) => {
        const signed = readSigned(message);
        const signer = node.planSigners.find((one) => one.publicKey === publicKey);
        if (signed === undefined || signer === undefined) return;
        this.#learnPen(node, signer, signed);
      },
    });
  }

  lieOf(node: SimNode): Behaviour | MemberBehaviour | undefined {
    return this.#lies.get(node);
  }

  /** Honest as a member: its messages must obey every rule. */
  isHonestMember(node: SimNode): boolean {
    return this.#lies.get(node) !== 'two-faced';
  }

  /** Its results may be wrong. */
  mayLie(node: SimNode): boolean {
    return WRONG.has(this.#lies.get(node) ?? '');
  }

  isForged(certificate: Uint8Array): boolean {
    return this.#forged.has(textOf(certificate));
  }

  #initOf(
    random: SeededRandom,
    init: { readonly scenario: Scenario; readonly lie: Lie | null; readonly roles: Role[] },
  ): SimNodeInit {
    const { scenario, lie, roles } = init;
    const wallMs = random.integer(2 * scenario.skewMs + 1) - scenario.skewMs;
    const rate = scenario.skewMs === 0 ? 1 : random.between(0.98, 1.02);
    return {
      roles: lie === 'two-faced' ? ['cadre'] : roles,
      speed: 1_000_000 * (1 + random.integer(8)),
      shardMs: random.between(1, scenario.shardMsMax),
      skew: { wallMs, rate },
      disk: { syncMsMin: 0.1, syncMsMax: random.between(0.2, scenario.slowDiskMs) },
      hooks: (node) => this.#hooksOf(node, lie),
    };
  }

  #hooksOf(node: SimNode, lie: Lie | null) {
    if (isMemberLie(lie)) {
      const penOf = (planId: Uint8Array) => this.#pens.get(`${node.index} ${toHex(planId)}`);
      const onForged = (certificate: Uint8Array) => this.#forged.add(textOf(certificate));
      return memberHooksOf(lie, { random: node.random, penOf, onForged });
    }
    const { clock } = node.world;
    return hooksOf(lie, { clock, crash: () => node.crash() });
  }

  #learnPen(
    node: SimNode,
    signer: Signer,
    { planId, epoch, cadreRoot }: NonNullable<ReturnType<typeof readSigned>>,
  ): void {
    const name = `${node.index} ${planId}`;
    if ((this.#pens.get(name)?.domain.epoch ?? -1) >= epoch) return;
    const domain = { planId: Uint8Array.from(Buffer.from(planId, 'hex')), epoch, cadreRoot };
    this.#pens.set(name, { signer, domain });
  }
}

type Lie = Behaviour | MemberBehaviour;

function isMemberLie(lie: Lie | null): lie is 'two-faced' {
  return lie === 'two-faced';
}

/** By position: at most one Byzantine member among the first, workers that lie among the last. */
function drawLies(
  random: SeededRandom,
  { scenario, nodes }: { readonly scenario: Scenario; readonly nodes: number },
): (Lie | null)[] {
  const lies: (Lie | null)[] = Array.from({ length: nodes }, () => null);
  const liars = random.integer(Math.min(scenario.liarsMax, nodes - CADRE_SEATS - 1) + 1);
  for (let i = 1; i <= liars; i++) lies[nodes - i] = random.pick(WORKER_LIES);
  if (scenario.hasByzantineMember) {
    lies[random.integer(CADRE_SEATS)] = random.pick(MEMBER_BEHAVIOURS);
  }
  return lies;
}
