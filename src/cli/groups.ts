const OCI = 'create start run state kill delete exec ps list pause resume update events spec features';
const SAME =
  'run create start exec logs stop kill update restart wait rename attach commit cp diff pause unpause stats top port';

/** Docker's grouped spellings: the words a group has, and the command (with leading flags) each one is. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  container: {
    ...Object.fromEntries(SAME.split(' ').map((name) => [name, [name]])),
    ls: ['ps'],
    list: ['ps'],
    ps: ['ps'],
    rm: ['rm'],
    remove: ['rm'],
    export: ['export'],
    prune: ['container prune'],
    inspect: ['inspect', '--type=container'],
  },
  image: {
    ls: ['images'],
    push: ['push'],
    save: ['save'],
    load: ['load'],
    list: ['images'],
    pull: ['pull'],
    tag: ['tag'],
    history: ['history'],
    rm: ['rmi'],
    remove: ['rmi'],
    prune: ['image prune'],
    import: ['import'],
    inspect: ['inspect', '--type=image'],
  },
  oci: Object.fromEntries(OCI.split(' ').map((name) => [name, [`oci ${name}`]])),
  volume: {
    create: ['volume create'],
    ls: ['volume ls'],
    list: ['volume ls'],
    rm: ['volume rm'],
    remove: ['volume rm'],
    inspect: ['volume inspect'],
    prune: ['volume prune'],
  },
  network: {
    denied: ['network denied'],
    update: ['update'],
    create: ['network create'],
    ls: ['network ls'],
    list: ['network ls'],
    rm: ['network rm'],
    remove: ['network rm'],
    inspect: ['network inspect'],
    connect: ['network connect'],
    disconnect: ['network disconnect'],
    prune: ['network prune'],
    reload: ['network reload'],
  },
  system: { info: ['info'], events: ['events'], df: ['system df'], prune: ['system prune'] },
};
