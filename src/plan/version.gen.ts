/* Generated from ops.ts by `npm run gen`. Do not edit. */
export const PLAN_VERSION = 0x3cd3f71c;
