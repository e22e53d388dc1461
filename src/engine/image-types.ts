export interface ImageSummary {
  /** Digest of the config: "sha256:…". */
  id: string;
  /** "busybox", or "<none>". */
  repository: string;
  /** "latest", or "<none>". */
  tag: string;
  createdAtMs: number;
  /** Sum of the unpacked sizes of its layers. */
  sizeBytes: number;
  /** "sha256:…": what its registry calls it, else the digest of its manifest. */
  digest: string;
  labels: Readonly<Record<string, string>>;
  /** Why it cannot be used, when its blobs are missing or make no sense. */
  broken?: string;
}

/** One step in the making of an image. */
export interface ImageHistoryEntry {
  /** The image's id for the newest step, else "<missing>". */
  id: string;
  /** Unix milliseconds; 0 when it is not known. */
  createdAtMs: number;
  createdBy: string;
  /** Sum of the sizes of the files of its layer; 0 for a step that changed the config only. */
  sizeBytes: number;
  comment: string;
}

/** What an image takes on the disk: compressed blobs and unpacked layers, in bytes of whole blocks. */
export interface ImageUsage {
  id: string;
  /** What other images need too. */
  sharedBytes: number;
  uniqueBytes: number;
  /** How many containers are made of it. */
  containers: number;
}
