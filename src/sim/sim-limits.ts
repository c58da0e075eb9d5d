/** Sizes of simulated worlds, apart from the code that runs them: the command line shows them. */

/** Seats of every simulated cadre: one may be Byzantine. */
export const CADRE_SEATS = 4;
/** Fewer could not hold a cadre, a spare candidate and three replicas. */
export const SIM_NODES_MIN = CADRE_SEATS + 1 + 3;
export const SIM_NODES_MAX = 64;
export const SIM_NODES = 9;
