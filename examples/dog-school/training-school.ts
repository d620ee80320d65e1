import { UUID } from 'daybook';
import type { ProcessRecorder } from 'daybook';
import { Aggregate, Application, event } from 'daybook/application';

/** A dog, and what it has learned. */
export class Dog extends Aggregate.of('Dog', {
  Registered: event<{ name: string }>(),
  TrickAdded: event<{ trick: string }>(),
}) {
  name = '';
  tricks: string[] = [];

  /** The same name gives the same id, everywhere and always: a dog is found by its name. */
  static createId(name: string): string {
    return UUID.fromName(UUID.NAMESPACE_URL, `/dogs/${name}`).toString();
  }

  static register(name: string): Dog {
    const dog = new Dog(Dog.createId(name));
    dog.apply('Registered', { name });
    return dog;
  }

  addTrick(trick: string): void {
    this.apply('TrickAdded', { trick });
  }

  onRegistered({ name }: { name: string }): void {
    this.name = name;
  }

  onTrickAdded({ trick }: { trick: string }): void {
    this.tricks.push(trick);
  }
}

/** Where dogs learn, on whatever recorder. */
export class TrainingSchool extends Application {
  constructor(recorder: ProcessRecorder) {
    super({ name: 'school', recorder, aggregates: [Dog] });
  }

  async register(name: string): Promise<void> {
    await this.save(Dog.register(name));
  }

  async addTrick(name: string, trick: string): Promise<void> {
    const dog = await this.repository.get(Dog, Dog.createId(name));
    dog.addTrick(trick);
    await this.save(dog);
  }

  async getTricks(name: string): Promise<readonly string[]> {
    const dog = await this.repository.get(Dog, Dog.createId(name));
    return dog.tricks;
  }
}
