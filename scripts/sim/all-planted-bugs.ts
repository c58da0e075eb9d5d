/** The whole bank: what worlds of whole nodes must find, and what cadres alone must. */
import { CADRE_BUGS } from './cadre-bugs.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';

export const ALL_PLANTED_BUGS: readonly PlantedBug[] = [...PLANTED_BUGS, ...CADRE_BUGS];
