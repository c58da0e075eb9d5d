/** The picture of a training in the terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curveLines } from '../../../../node/commands/train/curve.ts';
import { LivePlot, plotLines } from '../../../../node/commands/train/live-plot.ts';

const SIZE = { columns: 4, rows: 2, from: 0, to: 1 };

/** Where dots are, as rows of `.` and `#`. */
function dotsOf(lines: readonly string[]): string[] {
  const bits = [
    [0x01, 0x08],
    [0x02, 0x10],
    [0x04, 0x20],
    [0x40, 0x80],
  ];
  return lines.flatMap((line) =>
    bits.map((pair) =>
      [...line]
        .flatMap((cell) => pair.map((bit) => ((cell.codePointAt(0)! & bit) > 0 ? '#' : '.')))
        .join(''),
    ),
  );
}

test('a rise goes from the lower left to the upper right, without gaps', () => {
  assert.deepEqual(dotsOf(curveLines([0, 1], SIZE)), [
    '.......#',
    '......##',
    '.....##.',
    '....##..',
    '...##...',
    '..##....',
    '.##.....',
    '##......',
  ]);
});

test('a step has a dot in every row of its height', () => {
  const dots = dotsOf(curveLines([1, 1, 0, 0], { ...SIZE, columns: 2 }));
  assert.ok(dots.every((row) => row.includes('#')));
  assert.ok(dots[0]!.startsWith('#') && dots[7]!.endsWith('#'));
});

test('beyond the edges it stays at the edge; no values, nothing drawn', () => {
  const beyond = dotsOf(curveLines([5, 5], SIZE));
  assert.deepEqual([beyond[0], beyond[7]], ['########', '........']);
  for (const nothing of [[], [Number.NaN]]) {
    assert.ok(curveLines(nothing, SIZE).every((line) => line === '\u2800'.repeat(4)));
  }
  const flat = dotsOf(curveLines([3], { ...SIZE, from: 3, to: 3 }));
  assert.equal(flat[7], '########');
});

const MEASURED = [
  { rounds: 0, loss: 2.3, accuracy: 0.1 },
  { rounds: 1, loss: 0.5, accuracy: 0.9 },
];

test('loss and accuracy stand side by side, within the terminal', () => {
  const lines = plotLines(MEASURED, 60);
  assert.match(lines[0]!, /loss 0\.500 .*right 90\.0 %/);
  assert.ok(lines.every((line) => line.length < 60));
});

test('the plot takes the place of the one before; without a terminal there is none', () => {
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  const piped = new LivePlot({ write });
  piped.show(MEASURED);
  piped.clear();
  assert.deepEqual(written, []);
  const plot = new LivePlot({ isTTY: true, columns: 60, write });
  plot.show(MEASURED.slice(0, 1));
  assert.deepEqual(written, [], 'one point is no curve');
  plot.show(MEASURED);
  const first: string = written[0]!;
  plot.show(MEASURED);
  const height = first.split('\n').length - 1;
  assert.deepEqual(written.slice(1), [`\u001b[${height}A\r\u001b[J`, first]);
});
