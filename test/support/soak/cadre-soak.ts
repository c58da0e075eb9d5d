/**
 * A cadre of real processes over libp2p that is killed, restarted and stopped while it works, and
 * what must hold of every block that any member ever reported: one chain, the same at each member,
 * told again from the first block after a restart, under valid certificates, and nothing lost.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import { sleep } from '../../../src/base/signals.ts';
import { blockId } from '../../../src/consensus/messages.ts';
import type { CadreSeats } from '../../../src/consensus/seats.ts';
import { checksOfCommitCert } from '../../../src/consensus/signature-checks.ts';
import { ed25519Verifier, generateSeed, signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { systemClock, systemRandom } from '../../../src/crypto/node/system-ports.ts';
import type { LieName } from '../../../src/sim/cadre/lies.ts';
import type { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { Internet } from '../netns/internet.ts';
import type { FinalBlock, MemberOrder, MemberReport } from './soak-messages.ts';

const MEMBER = new URL('member-main.ts', import.meta.url);
/** A round's first timer is 500 ms: most of these are longer. */
const STOP_MS_MAX = 3_000;
const DOWN_MS_MAX = 1_500;
const PAUSE_MS_MAX = 1_200;
const RESUBMIT_MS = 300;
/** Far beyond what a healed cadre needs. */
const END_MS = 60_000;

export interface SoakEnd {
  readonly blocks: number;
  readonly texts: number;
  readonly kills: number;
  readonly stops: number;
  /** Times that links were blocked, in one direction or both. */
  readonly splits: number;
  /** Proven or noticed faults of the member that lies. */
  readonly blames: number;
  /** What must never be; [] when all went well. */
  readonly faults: readonly string[];
}

export interface SoakOptions {
  /** One member, drawn, tells this lie. */
  readonly lie?: LieName;
  /** Members are hosts of their own, with loss and splits between them. */
  readonly internet?: { readonly latencyMs: number; readonly lossPerMille: number };
}

interface Member {
  readonly order: MemberOrder;
  child: ChildProcess;
  /** Height that this process reported last. */
  height: number;
  isFree: boolean;
}

export class CadreSoak {
  readonly #random: SeededRandom;
  readonly #folder = mkdtempSync(join(tmpdir(), 'kadre-soak-'));
  readonly #members: Member[] = [];
  readonly #faults: string[] = [];
  /** Ids of final blocks by height, as whoever was first reported them. */
  readonly #chain = new Map<number, string>();
  readonly #pending = new Set<string>();
  readonly #checks: Promise<void>[] = [];
  readonly #harms: Promise<void>[] = [];
  readonly #options: SoakOptions;
  #internet: Internet | undefined;
  #texts = 0;
  #kills = 0;
  #stops = 0;
  #splits = 0;
  #blames = 0;

  constructor(random: SeededRandom, options: SoakOptions = {}) {
    this.#random = random;
    this.#options = options;
  }

  /** Those that the invariants are about. */
  get #honest(): Member[] {
    return this.#members.filter(({ order }) => order.lie === undefined);
  }

  /** Runs the whole soak: `forMs` of harm, then peace until everybody has everything. */
  async run(seatCount: number, forMs: number): Promise<SoakEnd> {
    const resubmit = setInterval(() => this.#submit(), RESUBMIT_MS);
    try {
      await this.#connect(seatCount);
      for (const order of await this.#orders(seatCount)) await this.#addMember(order);
      const endMs = performance.now() + forMs;
      while (performance.now() < endMs && this.#faults.length === 0) {
        this.#write();
        if (this.#random.chance(0.4)) this.#harm();
        if (this.#internet !== undefined && this.#random.chance(0.1)) this.#split(this.#internet);
        await sleep(systemClock, this.#random.integer(200));
      }
      await Promise.all(this.#harms);
      await this.#awaitEnd();
      await Promise.all(this.#checks);
      const harm = { kills: this.#kills, stops: this.#stops, splits: this.#splits };
      const counts = { ...harm, texts: this.#texts, blames: this.#blames };
      return { blocks: this.#chain.size, ...counts, faults: this.#faults };
    } finally {
      clearInterval(resubmit);
      for (const { child } of this.#members) child.kill('SIGKILL');
      await Promise.all(this.#members.map(({ child }) => ended(child)));
      await this.#internet?.stop();
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  #write(): void {
    const text = `text ${this.#texts++}`;
    this.#pending.add(text);
    this.#submit([text]);
  }

  /** A client that was not answered asks again. */
  #submit(texts: readonly string[] = [...this.#pending]): void {
    // Whoever was killed a moment ago does not hear it.
    const unheard = () => undefined;
    for (const { child } of this.#members) if (child.connected) child.send(texts, unheard);
  }

  /** Usually at most f at once; now and then more, when nothing can become final for a while. */
  #harm(): void {
    const free = this.#honest.filter(({ isFree }) => isFree);
    const away = this.#members.length - free.length;
    const isTooMany = away >= Math.floor((this.#members.length - 1) / 3);
    if (free.length === 0 || (isTooMany && !this.#random.chance(0.2))) return;
    const member = this.#random.pick(free);
    member.isFree = false;
    const harm = this.#random.chance(0.6) ? this.#kill(member) : this.#stop(member);
    this.#harms.push(
      harm.finally(() => {
        member.isFree = true;
      }),
    );
  }

  /** One direction between two members, or everything of one, for a while; then the next. */
  #split(internet: Internet): void {
    this.#splits += 1;
    internet.unblockAll();
    const sites = this.#members.map((_, seat) => siteOf(seat));
    const from = this.#random.pick(sites);
    const isRolling = this.#random.chance(0.5);
    const others = isRolling ? sites : [this.#random.pick(sites)];
    for (const to of others) {
      if (to === from) continue;
      internet.block(from, to);
      if (isRolling && this.#random.chance(0.5)) internet.block(to, from);
    }
  }

  async #connect(seatCount: number): Promise<void> {
    const { internet } = this.#options;
    if (internet === undefined) return;
    const sites = Array.from({ length: seatCount }, (_, seat) => {
      return { name: siteOf(seat), address: addressOf(seat) };
    });
    this.#internet = new Internet({ sites, ...internet });
    await this.#internet.start();
  }

  async #kill(member: Member): Promise<void> {
    this.#kills += 1;
    member.child.kill('SIGKILL');
    await sleep(systemClock, this.#random.integer(DOWN_MS_MAX));
    member.child = await this.#start(member);
    // Time to get somewhere before the next death.
    await sleep(systemClock, this.#random.integer(PAUSE_MS_MAX));
  }

  async #stop({ child }: Member): Promise<void> {
    this.#stops += 1;
    child.kill('SIGSTOP');
    await sleep(systemClock, this.#random.integer(STOP_MS_MAX));
    child.kill('SIGCONT');
  }

  async #awaitEnd(): Promise<void> {
    this.#internet?.unblockAll();
    this.#write();
    const endMs = performance.now() + END_MS;
    const isDone = () =>
      this.#pending.size === 0 && this.#honest.every(({ height }) => height === this.#chain.size);
    while (!isDone() && this.#faults.length === 0) {
      await sleep(systemClock, 50);
      if (performance.now() < endMs) continue;
      const heights = this.#members.map(({ height }) => height).join(', ');
      this.#faults.push(`${this.#pending.size} texts are not final; heights are ${heights}`);
    }
  }

  async #addMember(order: MemberOrder): Promise<void> {
    await mkdir(order.folder);
    const member = { order, height: 0, isFree: true } as Member;
    member.child = await this.#start(member);
    this.#members.push(member);
  }

  #start(member: Member): Promise<ChildProcess> {
    member.height = 0;
    const flags = ['--conditions=kadre-source', '--disable-warning=ExperimentalWarning'];
    const command = [process.execPath, ...flags];
    const site = siteOf(member.order.self);
    const [execPath, execArgv] = this.#internet?.on(site, command) ?? [process.execPath, flags];
    const child = fork(MEMBER, { execPath, execArgv, serialization: 'advanced' });
    child.send(member.order);
    return new Promise((resolve) => {
      child.once('exit', () => resolve(child));
      child.on('message', (report: MemberReport) => {
        if (report.kind === 'ready') resolve(child);
        else if (member.order.lie === undefined) this.#heard(member, report);
      });
    });
  }

  #heard(member: Member, report: Exclude<MemberReport, { kind: 'ready' }>): void {
    const who = `member ${member.order.self}`;
    if (report.kind === 'blames') {
      if (this.#members[report.seat]?.order.lie !== undefined) this.#blames += 1;
      else this.#faults.push(`${who} blames honest seat ${report.seat}: ${report.reason}`);
      return;
    }
    if (report.kind === 'broken') {
      this.#faults.push(`${who} ${report.reason}`);
      return;
    }
    const { height, block, texts } = report;
    if (height !== member.height + 1) {
      this.#faults.push(`${who} tells height ${height} after ${member.height}`);
    }
    member.height = height;
    const id = toHex(blockId(block));
    const known = this.#chain.get(height);
    if (known === id) return;
    if (known !== undefined) {
      this.#faults.push(`${who} has another block at height ${height}`);
      return;
    }
    this.#chain.set(height, id);
    for (const text of texts) {
      if (!this.#pending.delete(text)) this.#faults.push(`${text} is final twice`);
    }
    this.#checks.push(this.#checkBlock(member.order.seats, report));
  }

  /** q members signed for the block, or for a descendant that the links lead to. */
  async #checkBlock(seats: Omit<CadreSeats, 'self'>, report: FinalBlock): Promise<void> {
    const { block, cert, links, height } = report;
    const parents = [block, ...links].map(blockId);
    const isLinked = links.every((link, i) => equalBytes(link.parentId, parents[i]!));
    const isOver = equalBytes(cert.blockId, parents.at(-1)!);
    const isOn = height === 1 || toHex(block.parentId) === this.#chain.get(height - 1);
    const checks = checksOfCommitCert({ ...seats, self: 0 }, cert);
    const signatures = checks.ok ? checks.value.filter((check) => 'signature' in check) : [];
    const valid = await Promise.all(
      signatures.map(({ seat, message, signature }) =>
        ed25519Verifier.verify(seats.seats[seat]!.key, message, signature),
      ),
    );
    const signers = new Set(signatures.map(({ seat }) => seat)).size;
    // Written out, so that a false quorum in the core does not pass here as well.
    const quorum = Math.floor((2 * seats.seats.length) / 3) + 1;
    const isSigned = valid.every((isValid) => isValid) && signers >= quorum;
    if (isLinked && isOver && isOn && isSigned) return;
    this.#faults.push(`the certificate of height ${height} is not valid`);
  }

  async #orders(seatCount: number): Promise<MemberOrder[]> {
    const seeds = Array.from({ length: seatCount }, generateSeed);
    const entries = seeds.map((seed) => {
      const { nodeId, peerId, publicKey } = signerFromSeed(seed);
      return { nodeId, peerId, key: publicKey };
    });
    const names = { planId: systemRandom.bytes(32), cadreRoot: systemRandom.bytes(32) };
    const seats = { ...names, epoch: 0, seats: entries };
    const ports = await freePorts(seatCount);
    const hostOf = (seat: number) => (this.#internet === undefined ? '127.0.0.1' : addressOf(seat));
    const addresses = entries.map(
      ({ peerId }, seat) => `/ip4/${hostOf(seat)}/tcp/${ports[seat]}/p2p/${peerId}`,
    );
    const liar = this.#options.lie === undefined ? -1 : this.#random.integer(seatCount);
    return seeds.map((seed, self) => {
      const folder = join(this.#folder, `member-${self}`);
      const order = { self, seats, addresses, seed, folder };
      return self === liar ? { ...order, lie: this.#options.lie! } : order;
    });
  }
}

const siteOf = (seat: number): string => `m${seat}`;
/** Of TEST-NET-3's neighbours: nobody's in any namespace but these. */
const addressOf = (seat: number): string => `198.51.100.${seat + 1}`;

function ended(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return once(child, 'exit');
}

/** Ports that nobody listens on: members come back to theirs. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}
