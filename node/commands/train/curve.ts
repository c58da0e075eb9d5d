/** A curve in a terminal: braille dots, two across and four down in every character. */

/** Which bit of a braille character is the dot at [x][y]; Unicode, "Braille Patterns". */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;
const BLANK = 0x2800;

export interface CurveInit {
  /** Characters. */
  readonly columns: number;
  readonly rows: number;
  /** Values at the lower and the upper edge; what lies beyond is drawn at the edge. */
  readonly from: number;
  readonly to: number;
}

/**
 * Lines from left to right through all values, oldest first; the whole width is always used. Values
 * that are no numbers are passed over.
 */
export function curveLines(values: readonly number[], init: CurveInit): string[] {
  const { columns, rows, from, to } = init;
  const [width, height] = [2 * columns, 4 * rows];
  const cells = Array.from({ length: rows }, () => new Uint8Array(columns));
  const known = values.filter(Number.isFinite);
  const span = to > from ? to - from : 1;
  const levelOf = (value: number) => {
    const share = Math.min(1, Math.max(0, (value - from) / span));
    return Math.round((1 - share) * (height - 1));
  };
  let before: number | undefined;
  for (let x = 0; x < width && known.length > 0; x++) {
    const y = levelOf(valueAt(known, x / (width - 1)));
    // No gap between neighbours, however steep it is.
    const [top, bottom] = [Math.min(y, before ?? y), Math.max(y, before ?? y)];
    for (let dot = top; dot <= bottom; dot++) cells[dot >> 2]![x >> 1]! |= DOTS[x & 1]![dot & 3]!;
    before = y;
  }
  return cells.map((row) => String.fromCodePoint(...Array.from(row, (bits) => BLANK + bits)));
}

/** At a share of the way, between its neighbours. */
function valueAt(values: readonly number[], share: number): number {
  const place = share * (values.length - 1);
  const left = values[Math.floor(place)]!;
  return left + (place % 1) * (values[Math.ceil(place)]! - left);
}
