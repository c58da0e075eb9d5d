/** docs/errors.md: every error code with its exit status, from src/base/error-codes.ts. */
import { ERROR_CODES } from '../../src/base/error-codes.ts';

const INTRO = `# Error codes

Generated from \`src/base/error-codes.ts\` by \`npm run docs\`. Codes are stable: match on \`code\`,
never on the message. *Exit* is the status of the command line; *retry* says whether the same call
may succeed later unchanged.

| code | exit | retry | meaning | what to do |
|---|---|---|---|---|
`;

export function errorTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, row]) => {
    const cells = [`\`${code}\``, row.exit, row.retryable ? 'yes' : 'no', row.meaning, row.advice];
    return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return `${INTRO}${rows.join('\n')}\n`;
}
