"""An application of the Python library `eventsourcing`, for tests: does what a list on the standard input says, and says what came of it."""

import json
import sys
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking


class Dog(Aggregate):
    @event("Registered")
    def __init__(self, name):
        self.name = name
        self.tricks = []

    @event("TrickAdded")
    def add_trick(self, trick):
        self.tricks.append(trick)


def described(stored):
    return {
        "originatorId": str(stored.originator_id),
        "originatorVersion": stored.originator_version,
        "topic": stored.topic,
        "state": stored.state.hex(),
    }


class School:
    """Each method is something that a test may ask for."""

    def __init__(self, app):
        self.app = app
        self.recorder = app.recorder

    def dog(self, id):
        dog = self.app.repository.get(UUID(id))
        return {"name": dog.name, "tricks": dog.tricks, "version": dog.version}

    def register(self, name):
        dog = Dog(name)
        self.app.save(dog)
        return str(dog.id)

    def add_trick(self, id, trick):
        dog = self.app.repository.get(UUID(id))
        dog.add_trick(trick)
        return [recording.notification.id for recording in self.app.save(dog)]

    def events(self, id, **selection):
        return [described(stored) for stored in self.recorder.select_events(UUID(id), **selection)]

    def notifications(self, **section):
        found = self.recorder.select_notifications(**section)
        return [{"id": one.id, **described(one)} for one in found]

    def section(self, start, limit):
        return [one.id for one in self.app.notification_log.select(start=start, limit=limit)]

    def max_notification_id(self):
        return self.recorder.max_notification_id()

    def insert(self, events, tracking=None):
        stored = [
            StoredEvent(UUID(one["originatorId"]), one["originatorVersion"], one["topic"], bytes.fromhex(one["state"]))
            for one in events
        ]
        kwargs = {} if tracking is None else {"tracking": Tracking(tracking["name"], tracking["id"])}
        try:
            return list(self.recorder.insert_events(stored, **kwargs))
        except IntegrityError:
            return "IntegrityError"

    def tracking(self, name, id):
        return [self.recorder.max_tracking_id(name) or 0, self.recorder.has_tracking_id(name, id)]


def main():
    asked = json.load(sys.stdin)

    class DogSchool(Application):
        name = asked["name"]

        def construct_recorder(self):
            return self.factory.process_recorder()

    app = DogSchool(env=asked["env"])
    try:
        school = School(app)
        print(json.dumps([getattr(school, step["do"])(**step.get("with", {})) for step in asked["steps"]]))
    finally:
        app.close()
