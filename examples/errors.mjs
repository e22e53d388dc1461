// Errors are matched by their code, never by their text; each says what to do.
import { Engine, MydockerError } from 'mydocker';

const engine = new Engine();
const attempts = [
  () => engine.run('no-such-image', ['true']),
  () => engine.run('busybox', ['no-such-program']),
  () => engine.run('busybox', ['true'], { workdir: '/nowhere' }),
  () => engine.run('busybox', ['true'], { user: 'nobody-knows' }),
];
for (const attempt of attempts) {
  try {
    await attempt();
  } catch (error) {
    if (!(error instanceof MydockerError)) throw error;
    const { code, step, errno, subject, remedy } = error;
    console.log({ code, step, errno, subject, remedy });
  }
}
