/** Bearer tokens: making one, and comparing two without telling by the time taken. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 32 random bytes as 43 characters of base64url. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether two texts are equal, in time that depends on neither. */
export function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
