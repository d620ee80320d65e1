import type { ProcessRecorder } from 'daybook';
import { TrainingSchool } from './training-school.js';

/** Registers a dog, teaches it two tricks, and asks what it can. */
export async function schoolDay(recorder: ProcessRecorder, name: string): Promise<readonly string[]> {
  const school = new TrainingSchool(recorder);
  await school.register(name);
  await school.addTrick(name, 'roll over');
  await school.addTrick(name, 'play dead');
  return await school.getTricks(name);
}
