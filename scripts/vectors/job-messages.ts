/**
 * Writes test/vectors/job-messages.json: the golden bytes of docs/protocol/job-messages.md.
 * Run: node scripts/vectors/job-messages.ts
 */
import { writeFileSync } from 'node:fs';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { encodeMessage } from '../../src/roles/job-messages.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { ANSWERS, MESSAGES, NOTICES, REQUESTS } from '../../test/support/job-messages.ts';

const good = MESSAGES.flatMap(({ kind, messages }) =>
  messages.map((message) => ({ kind, t: message.t, bytes: toHex(encodeMessage(message)) })),
);

const ask = REQUESTS.find(({ t }) => t === 'ask')!;
const closed = NOTICES.find(({ t }) => t === 'closed')!;
const question = REQUESTS.find(({ t }) => t === 'why')!;
const told = ANSWERS.find((answer) => answer.t === 'why')!;
const bentRow = { ...told.rows[0], workers: [{ node: 0, wave: 0, standing: 'asleep' }] };
const bad = [
  { why: 'unknown kind', kind: 'request', value: { ...ask, t: 'tell' } },
  { why: 'unknown field', kind: 'request', value: { ...ask, v: 1 } },
  { why: 'missing field', kind: 'request', value: { t: 'ask' } },
  { why: 'short plan id', kind: 'request', value: { t: 'ask', planId: new Uint8Array(31) } },
  { why: 'a notice where requests go', kind: 'request', value: closed },
  { why: 'a request where notices go', kind: 'notice', value: ask },
  { why: 'wave out of range', kind: 'notice', value: { ...closed, wave: 34 } },
  { why: 'half a shard number', kind: 'notice', value: { ...closed, shards: new Uint8Array(6) } },
  {
    why: 'a long reason',
    kind: 'answer',
    value: { t: 'refused', reason: 'x'.repeat(65), detail: '' },
  },
  { why: 'a question without end', kind: 'request', value: { ...question, count: 65 } },
  { why: 'a standing of its own', kind: 'answer', value: { ...told, rows: [bentRow] } },
].map(({ why, kind, value }) => ({ why, kind, bytes: toHex(encodeCanonical(value)) }));
const trailing = concatBytes([encodeMessage(ask), Uint8Array.of(0)]);
bad.push({ why: 'trailing byte', kind: 'request', bytes: toHex(trailing) });

const file = new URL('../../test/vectors/job-messages.json', import.meta.url);
writeFileSync(file, `${JSON.stringify({ good, bad }, null, 2)}\n`);
