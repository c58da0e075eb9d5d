/** How many plans a member of cadres takes on, and how long it keeps what they leave behind. */

export interface CadreServiceInit {
  /** Live plans at once, and of one requester (job.md section 4.7). */
  readonly plansMax: number;
  readonly plansPerRequesterMax: number;
  /** A seat that was taken and never opened is given up after this. */
  readonly draftLifetimeMs: number;
  /** A finished plan's replica and files are kept this long for members that lag. */
  readonly archiveAfterMs: number;
  /** Finished plans kept at most. */
  readonly archivedMax: number;
  /** A plan that never ends, because too many members are gone, is given up after this. */
  readonly planLifetimeMs: number;
}

export const CADRE_DEFAULTS: CadreServiceInit = {
  plansMax: 64,
  plansPerRequesterMax: 8,
  draftLifetimeMs: 30_000,
  archiveAfterMs: 600_000,
  archivedMax: 128,
  planLifetimeMs: 24 * 3_600_000,
};
