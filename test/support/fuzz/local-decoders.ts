/** Decoders of this machine's own files and streams: logs, packs, runner frames, the keystore. */
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { FRAME, FrameReader, frameHeader } from '../../../src/compute/runner/frames.ts';
import {
  parseFailure,
  parseReady,
  parseResults,
  resultBytes,
  shardsBody,
  shardsOf,
} from '../../../src/compute/runner/messages.ts';
import { decodeIdentity, encodeIdentity } from '../../../src/crypto/node/keystore.ts';
import { arrayBytes } from '../../../src/kernel/contract.ts';
import { parseNpy, parseNpyHeader, writeNpy } from '../../../src/kernel/npy.ts';
import {
  encodePack,
  PACK_HEADER_BYTES,
  packTableBytes,
  parsePackTable,
} from '../../../src/store/blob-pack.ts';
import { encodeFileHeader, encodeFrame } from '../../../src/store/wal-frames.ts';
import { scanWal } from '../../../src/store/wal-scan.ts';
import type { Decoder } from './decoder.ts';

export function localDecoders(): Decoder[] {
  return [
    ...logDecoders(),
    ...packDecoders(),
    ...runnerDecoders(),
    ...runnerReports(),
    ...arrayDecoders(),
  ];
}

function logDecoders(): Decoder[] {
  const records = [utf8('one'), new Uint8Array(0), new Uint8Array(40)];
  const header = encodeFileHeader(7);
  const frames = [records, [utf8('two')]].map((group, sequence) =>
    encodeFrame({ salt: 7, sequence }, group),
  );
  const log = concatBytes([header, ...frames]);
  return [
    {
      covers: ['store/wal-scan.ts: scanWal'],
      form: 'bytes',
      seeds: [log, header],
      decode: (input) => {
        const scan = scanWal(input);
        if (scan.kind === 'damaged') return 'refused';
        const again = scanWal(input.slice(0, scan.goodBytes));
        const isSame = again.kind === 'usable' && again.records.length === scan.records.length;
        if (!isSame) throw new Error('the good part of a log is another log');
        return {};
      },
    },
  ];
}

function packDecoders(): Decoder[] {
  const items = [utf8('first'), new Uint8Array(0), new Uint8Array(300).fill(7)].map(
    (content, i) => ({ root: new Uint8Array(32).fill(i), content }),
  );
  return [
    {
      covers: ['store/blob-pack.ts: parsePackTable', 'store/blob-pack.ts: packTableBytes'],
      form: 'bytes',
      seeds: [encodePack(items).bytes, encodePack([]).bytes],
      decode: (input) => {
        const tableBytes = packTableBytes(input.subarray(0, PACK_HEADER_BYTES));
        if (tableBytes === undefined || input.length < PACK_HEADER_BYTES + tableBytes) {
          return 'refused';
        }
        const table = input.subarray(PACK_HEADER_BYTES, PACK_HEADER_BYTES + tableBytes);
        const entries = parsePackTable(table, input.length);
        if (entries === undefined) return 'refused';
        const held = entries.map(({ root, offset, bytes }) => ({
          root,
          content: input.subarray(offset, offset + bytes),
        }));
        return { again: encodePack(held).bytes };
      },
    },
    {
      covers: ['crypto/node/keystore.ts: decodeIdentity'],
      form: 'text',
      seeds: [utf8(encodeIdentity(new Uint8Array(32).fill(3)))],
      decode: (input) => {
        const seed = decodeIdentity(Buffer.from(input).toString('latin1'));
        return seed === undefined ? 'refused' : { again: utf8(encodeIdentity(seed)) };
      },
    },
  ];
}

const RUNNER_BODY_BYTES_MAX = 65_536;

function runnerDecoders(): Decoder[] {
  const body = shardsBody([0, 1, 700]);
  const frame = (kind: number, bytes: Uint8Array) =>
    concatBytes([frameHeader({ kind, job: 3, bytes: bytes.length }), bytes]);
  const sizes = [[3, 0], [9]];
  return [
    {
      covers: ['compute/runner/frames.ts: FrameReader'],
      form: 'bytes',
      seeds: [concatBytes([frame(FRAME.run, body), frame(FRAME.close, new Uint8Array(0))])],
      decode: (input) => {
        const frames: Uint8Array[] = [];
        const reader = new FrameReader({
          allocate: ({ bytes }) =>
            bytes <= RUNNER_BODY_BYTES_MAX ? new Uint8Array(bytes) : undefined,
          receive: ({ kind, job }, content) =>
            frames.push(concatBytes([frameHeader({ kind, job, bytes: content.length }), content])),
        });
        if (!reader.push(input)) return 'refused';
        const whole = concatBytes(frames);
        return whole.length === input.length ? { again: whole } : {};
      },
    },
    {
      covers: ['compute/runner/messages.ts: shardsOf'],
      form: 'bytes',
      seeds: [body],
      // The runner's node wrote it: whole numbers of four bytes.
      decode: (input) => {
        const whole = input.subarray(0, input.length - (input.length % 4));
        if (Buffer.compare(shardsBody(shardsOf(whole)), whole) !== 0)
          throw new Error('not the same');
        return {};
      },
    },
    {
      covers: ['compute/runner/messages.ts: parseResults'],
      form: 'bytes',
      seeds: [new Uint8Array(resultBytes(sizes)).fill(1)],
      decode: (input) => {
        // The process that reads frames lets no other length through.
        if (input.length !== resultBytes(sizes)) return 'refused';
        const outputs = parseResults(input, [4, 9], sizes).flatMap((result) => result.outputs);
        const parts = [...outputs.map(({ root }) => root), ...outputs.map((out) => out.content)];
        return { again: concatBytes(parts) };
      },
    },
  ];
}

/** What a runner process says of itself, whatever its kernels did to it. */
function runnerReports(): Decoder[] {
  const json = (value: unknown) => utf8(JSON.stringify(value));
  return [
    {
      covers: ['compute/runner/messages.ts: parseReady'],
      form: 'json',
      seeds: [
        json({
          backend: { name: 'cpu/js', kernels: [] },
          gpus: [],
          candidates: [{ name: 'cuda', problem: 'no-driver' }],
          cpuFeatures: [],
          addonFailures: [],
          selftestFailures: [],
        }),
      ],
      decode: (input) => (parseReady(input) === undefined ? 'refused' : {}),
    },
    {
      covers: ['compute/runner/messages.ts: parseFailure'],
      form: 'json',
      seeds: [json({ code: 'KERNEL_FAILED', message: 'the kernel failed' })],
      decode: (input) => {
        const { code, message } = parseFailure(input);
        return new KadreError({ code }, message).code === 'RUNNER_FAILED' ? 'refused' : {};
      },
    },
  ];
}

function arrayDecoders(): Decoder[] {
  const data = new Uint8Array(24);
  const good = writeNpy({ dtype: '<u4', shape: [3, 2], data });
  const version3 = good.slice();
  version3[6] = 3;
  const scalar = writeNpy({ dtype: '<f8', shape: [], data: data.subarray(0, 8) });
  return [
    {
      covers: ['kernel/npy.ts: parseNpy', 'kernel/npy.ts: parseNpyHeader'],
      form: 'text',
      seeds: [
        good,
        version3,
        scalar,
        writeNpy({ dtype: '|u1', shape: [0], data: data.subarray(24) }),
      ],
      decode: (input) => {
        const parsed = parseNpy(input);
        const header = parseNpyHeader(input, input.length);
        if (header.ok !== parsed.ok) throw new Error('header and file disagree');
        if (!parsed.ok) return 'refused';
        const written = parseNpy(writeNpy(parsed.value));
        const isSame =
          written.ok &&
          parsed.value.data.length === arrayBytes(parsed.value) &&
          Buffer.compare(written.value.data, parsed.value.data) === 0;
        if (!isSame) throw new Error('an array changes when it is written');
        return {};
      },
    },
  ];
}
