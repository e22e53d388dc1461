import type { VolumeSummary } from '../engine/types.ts';
import type { Row } from './rows.ts';

/** As `docker volume inspect` prints it. */
export function dockerVolume(volume: VolumeSummary): Record<string, unknown> {
  return {
    CreatedAt: new Date(volume.createdAtMs).toISOString(),
    Driver: volume.driver,
    Labels: volume.isAnonymous ? { ...volume.labels, 'com.docker.volume.anonymous': '' } : volume.labels,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: null,
    Scope: 'local',
    UsedBy: volume.users,
  };
}

/** One row of `volume ls`. */
export function volumeRow(volume: VolumeSummary): Row {
  return {
    fields: {
      Availability: 'N/A',
      Driver: volume.driver,
      Group: 'N/A',
      Labels: Object.entries(volume.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
      Links: String(volume.users.length),
      Mountpoint: volume.mountpoint,
      Name: volume.name,
      Scope: 'local',
      Size: 'N/A',
      Status: 'N/A',
    },
    labels: volume.labels,
  };
}
