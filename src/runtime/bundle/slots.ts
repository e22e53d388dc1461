/** Numbered descriptors of a bundle's plan. The mounts' sources follow the fixed ones. */
export const SLOT = {
  cgroup: 0,
  go: 1,
  said: 2,
  hostRoot: 3,
  target: 4,
  firstNamespace: 5,
  firstMount: 14,
} as const;
