/** A bind mount, volume-less: `-v src:dst[:ro]` and `--mount type=bind|tmpfs,…`. */
export type MountSpec =
  | { type: 'bind'; source: string; target: string; readOnly: boolean }
  | {
      type: 'tmpfs';
      target: string;
      readOnly: boolean;
      sizeBytes?: number;
      mode?: number;
      options?: string[];
    };
