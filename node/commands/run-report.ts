/** What `run` prints: the contract's JSON object, and the same for people. */
import type { Reuse } from '../../src/job/reuse.ts';
import type { JobResult, JobSummary } from '../../src/sdk/types.ts';
import { formatBytes, formatDuration, formatTable } from '../cli/output.ts';
import type { ResultFiles } from './result-files.ts';

type OutputReport = JobSummary['outputs'][string] & { readonly file: string | null };

export interface RunReport extends Omit<JobSummary, 'outputs'> {
  readonly v: 1;
  /** Whose earlier job this is; false: it was begun by this command. Of `run` alone. */
  readonly reused?: Reuse;
  readonly outputs: Readonly<Record<string, OutputReport>>;
  /** null when the cadre was off: there is none. */
  readonly certificate: { readonly file: string | null; readonly bytes: number } | null;
}

export function runReport(target: ResultFiles, result: JobResult): RunReport {
  const { outputs, ...summary } = result.summary;
  const reported = Object.entries(outputs).map(([name, output]): [string, OutputReport] => {
    const file = target.outs.find((out) => out.name === name)?.given ?? null;
    return [name, { file, ...output }];
  });
  const { certificate } = result;
  return {
    v: 1,
    ...summary,
    outputs: Object.fromEntries(reported),
    certificate:
      certificate === null
        ? null
        : { file: target.certificate?.given ?? null, bytes: certificate.length },
  };
}

export function reportLines(report: RunReport): string[] {
  const { cadre, certificate, ms } = report;
  const judged =
    cadre.n === 0 ? 'cadre off: no certificate' : `cadre of ${cadre.n}, quorum ${cadre.q}`;
  const policy = `${report.replicas} replicas, ${report.quorum} must agree`;
  const lines = [
    `${report.kernel}: ${report.shards} shards, ${policy}, ${judged}`,
    `job ${report.jobId}${(report.reused ?? false) === false ? '' : ', certified before: nothing was run'}`,
    '',
    ...formatTable(
      Object.entries(report.workers).map(([peer, { shards, ms: workMs }]) => {
        return [`  ${peer}`, `${shards} shards`, formatDuration(workMs)];
      }),
    ),
  ];
  for (const { shard, peer, kind } of report.disputes) {
    lines.push(`  dispute: ${peer} ${kind} on shard ${shard}`);
  }
  for (const { shard, peer, reason } of report.retries) {
    lines.push(`  retried: shard ${shard} of ${peer} (${reason})`);
  }
  lines.push('');
  for (const [name, { file, shape, dtype }] of Object.entries(report.outputs)) {
    lines.push(`${name} ${dtype} [${shape.join(', ')}] -> ${file ?? 'not written'}`);
  }
  if (certificate !== null) {
    const size = formatBytes(certificate.bytes);
    lines.push(`certificate verified, ${size} -> ${certificate.file ?? 'not written'}`);
  }
  const parts = (['plan', 'compute', 'commit', 'collect'] as const).map(
    (part) => `${part} ${formatDuration(ms[part])}`,
  );
  lines.push(`${formatDuration(ms.total)}: ${parts.join(', ')}`);
  return lines;
}
