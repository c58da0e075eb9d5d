/** Certificates that must be accepted. */
import { encodeCertificate } from '../../../src/certificate/format.ts';
import { makeCertificate } from '../certificate-factory.ts';
import { FULL, type GoodVector, SMALL, WIDE, withHeaders, withPart } from './vector.ts';

export function goodVectors(): GoodVector[] {
  const matrix = {
    data: Float32Array.from({ length: 12 }, (_, i) => i / 4),
    shape: [3, 4],
  };
  const other = { data: Float32Array.from({ length: 20 }, (_, i) => 5 - i), shape: [4, 5] };
  const part = makeCertificate({ ...WIDE, label: 'part' });
  const partCertificate = withPart(part.certificate);
  return [
    { name: 'one seat, one replica', made: makeCertificate(SMALL) },
    { name: 'four seats, three replicas', made: makeCertificate({ label: 'good' }) },
    { name: 'quorum of votes only', made: makeCertificate({ ...FULL, votes: [0, 2, 3] }) },
    { name: 'receipts left out', made: makeCertificate({ ...FULL, receipts: false }) },
    { name: 'skipped ranks', made: makeCertificate({ ...WIDE, cadre: 3, skipped: [0, 2] }) },
    { name: 'cadre and workers apart', made: makeCertificate(WIDE) },
    { name: 'headers', made: withHeaders(SMALL) },
    {
      name: 'matrix product',
      made: makeCertificate({
        ...FULL,
        label: 'gemm',
        kernel: 'gemm.f32@1',
        inputs: { a: matrix, b: other },
      }),
    },
    {
      name: 'part of the roster',
      made: { ...part, certificate: partCertificate, bytes: encodeCertificate(partCertificate) },
    },
  ];
}
