import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OptionRow } from '../../../node/cli/option-table.ts';
import { parseCommand, type VerbShape } from '../../../node/cli/parse-arguments.ts';
import { KadreError } from '../../../src/base/errors.ts';

const options: readonly OptionRow[] = [
  { name: 'nodes', kind: 'integer', min: 1, max: 9, why: 'nodes' },
  { name: 'share', kind: 'number', min: 0, max: 1, why: 'share' },
  { name: 'in', kind: 'pair', multiple: true, why: 'input' },
  { name: 'gpu', kind: 'flag', default: true, why: 'no gpu' },
  { name: 'colour', kind: 'text', choices: ['red', 'green'], why: 'colour' },
  { name: 'file', kind: 'path', why: 'a file' },
];
const verbs: readonly VerbShape[] = [
  { name: 'up', options, positionals: [] },
  { name: 'run', options, positionals: [{ name: 'KERNEL', why: 'a kernel' }] },
  { name: 'lab run', options, positionals: [], innerCommand: true },
  { name: 'lab up', options, positionals: [] },
];
const parse = (line: string) => parseCommand(line === '' ? [] : line.split(' '), verbs);

const refuses = (line: string, message: RegExp, advice?: RegExp) => {
  assert.throws(
    () => parse(line),
    (error) => {
      assert.ok(error instanceof KadreError);
      assert.equal(error.code, 'USAGE');
      assert.match(error.message, message);
      if (advice !== undefined) assert.match(error.advice, advice);
      return true;
    },
    line,
  );
};

test('values arrive with the type of their row', () => {
  const { verb, arguments: given } = parse(
    'run k --nodes 3 --share=.5 --in a=b=c --in d=e --no-gpu',
  );
  assert.equal(verb?.name, 'run');
  assert.deepEqual(given.positionals, ['k']);
  assert.equal(given.number('nodes'), 3);
  assert.equal(given.number('share'), 0.5);
  assert.deepEqual(given.list('in'), ['a=b=c', 'd=e']);
  assert.equal(given.flag('no-gpu'), true);
  assert.equal(given.has('colour'), false);
});

test('global flags stand before or after the verb, and before a value flag of it', () => {
  assert.equal(parse('--json up').arguments.flag('json'), true);
  assert.equal(parse('--nodes 5 up').arguments.number('nodes'), 5);
  assert.equal(parse('up --timeout 0.5').arguments.number('timeout'), 0.5);
  assert.equal(parse('--help').verb, undefined);
});

test('two-word verbs win, and a group alone names its members', () => {
  assert.equal(parse('lab up').verb?.name, 'lab up');
  refuses('lab', /needs one of: lab run, lab up/);
  refuses('lab upp', /needs one of/, /lab up/);
  refuses('lab upp --help', /needs one of/, /lab up/);
  assert.equal(parse('lab --help').group, 'lab');
  assert.equal(parse('-h lab').group, 'lab');
  assert.equal(parse('lab up --help').group, undefined);
});

test('unknown verbs and flags suggest the nearest', () => {
  refuses('rnu', /unknown verb `rnu`/, /run/);
  refuses('up --node 3', /unknown flag --node of `up`/, /did you mean --nodes\?/);
  refuses('up --gpu', /unknown flag --gpu/, /--no-gpu/);
  refuses('up -x', /unknown flag -x/);
});

test('values are checked against kind, bounds and choices', () => {
  refuses('up --nodes 0', /1 to 9/);
  refuses('up --nodes 10', /1 to 9/);
  refuses('up --nodes 1.5', /whole number/);
  refuses('up --nodes 1e3', /whole number/);
  refuses('up --nodes', /needs a value/);
  refuses('up --nodes --json', /needs a value/);
  refuses('up --share nan', /must be a number/);
  refuses('up --share 1e999', /must be a number/);
  refuses('up --colour rde', /one of: red, green/, /did you mean red/);
  refuses('run k --in =x', /needs/);
  refuses('up --no-gpu=1', /takes no value/);
  refuses('up --nodes 1 --nodes 2', /given twice/);
});

test('a negative number is a value, not a flag', () => {
  refuses('up --nodes -1', /1 to 9, not -1/);
});

test('positionals are counted', () => {
  refuses('run', /needs KERNEL/);
  refuses('run a b', /does not take `b`/);
  assert.equal(parse('run --help').arguments.flag('help'), true);
});

test('what follows -- is the inner command, or more positionals', () => {
  const lab = parse('lab run --nodes 3 -- run k --nodes 7').arguments;
  assert.equal(lab.number('nodes'), 3);
  assert.deepEqual(lab.inner, ['run', 'k', '--nodes', '7']);
  assert.deepEqual(parse('run -- --strange').arguments.positionals, ['--strange']);
});

test('paths start at the folder of the caller, also through npm', (t) => {
  const before = process.env.INIT_CWD;
  t.after(() => {
    if (before === undefined) delete process.env.INIT_CWD;
    else process.env.INIT_CWD = before;
  });
  process.env.INIT_CWD = '/somewhere';
  assert.equal(parse('up --file x/y').arguments.text('file'), '/somewhere/x/y');
  assert.equal(parse('up --file /x').arguments.text('file'), '/x');
});
