export { decodePlan } from './decode.ts';
export {
  EncodedPlan,
  encodePlan,
  encodeSteps,
  type Fault,
  type IgnoredErrno,
  PLAN_FLAGS,
  planVersion,
  StepBuffer,
} from './encode.ts';
export { type ExplainedStep, explainLines, explainPlan } from './explain.ts';
export { type ArgsOf, MAX_STEPS, NO_SLOT, OPS, type OpName, PUT, SLOT_COUNT, STREAMS, WALK } from './ops.ts';
export { type Action, type Plan, type Section, type Step, type StepNotes, steps } from './step.ts';
