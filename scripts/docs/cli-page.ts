/** docs/cli.md: every verb and flag, from the command line's own tables. */
import { markdown } from '../../node/cli/help.ts';
import { VERBS } from '../../node/cli/verbs.ts';

export function cliPage(): string {
  return markdown(VERBS);
}
