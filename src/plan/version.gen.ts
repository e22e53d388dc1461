/* Generated from ops.ts by `npm run gen`. Do not edit. */
export const PLAN_VERSION = 0xacec4cbc;
