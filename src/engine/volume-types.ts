export interface VolumeSummary {
  name: string;
  /** Always "local": a directory of this host. */
  driver: 'local';
  labels: Readonly<Record<string, string>>;
  /** Where its files are. */
  mountpoint: string;
  /** Unix milliseconds; 0 when its record is damaged. */
  createdAtMs: number;
  /** Made for a container, without a name of the user's. */
  isAnonymous: boolean;
  /** Ids of the containers that have it, running or not. */
  users: readonly string[];
}

export interface VolumeSpec {
  /** Default: 64 hexadecimal digits. */
  name?: string;
  labels?: Readonly<Record<string, string>>;
}

export interface VolumeFilters {
  /** "dangling=true", "name=part", "label=key", "label=key=value", "driver=local". */
  filters?: readonly string[];
}

export interface PrunedVolumes {
  deleted: string[];
  reclaimedBytes: number;
}
