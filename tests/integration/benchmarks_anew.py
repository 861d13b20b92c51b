"""Programs of the kind benchmark suites hold, written anew: bodies in space, an operating system, constraints."""

from __future__ import annotations

NBODY = """
import sys

def advance(bodies, pairs, dt):
    for one, other in pairs:
        dx, dy, dz = (one[0][axis] - other[0][axis] for axis in range(3))
        pull = dt / (dx * dx + dy * dy + dz * dz) ** 1.5
        for body, sign, mass in ((one, -1, other[2]), (other, 1, one[2])):
            body[1][0] += sign * dx * mass * pull
            body[1][1] += sign * dy * mass * pull
            body[1][2] += sign * dz * mass * pull
    for place, speed, _ in bodies:
        for axis in range(3):
            place[axis] += dt * speed[axis]

def energy(bodies, pairs):
    total = sum(mass * sum(part * part for part in speed) / 2 for _, speed, mass in bodies)
    for one, other in pairs:
        distance = sum((a - b) ** 2 for a, b in zip(one[0], other[0])) ** 0.5
        total -= one[2] * other[2] / distance
    return total

def main(turns):
    bodies = [([n * 1.7, n % 3, 0.1 * n], [0.0, 0.01 * n, 0.0], 1.0 / (1 + n)) for n in range(5)]
    pairs = [(one, other) for place, one in enumerate(bodies) for other in bodies[place + 1 :]]
    print(f"{energy(bodies, pairs):.9f}")
    for _ in range(turns):
        advance(bodies, pairs, 0.001)
    print(f"{energy(bodies, pairs):.9f}")

main(int(sys.argv[1]))
"""

RICHARDS = """
import sys
from collections import deque

class Packet:
    def __init__(self, kind, link=None):
        self.kind, self.link, self.data = kind, link, [0] * 4

class Task:
    def __init__(self, name, priority, system):
        self.name, self.priority, self.system = name, priority, system
        self.inbox = deque()
        self.held = False
        system.tasks[name] = self

    def step(self):
        if not self.inbox:
            return False
        self.system.count += 1
        return self.work(self.inbox.popleft())

class Device(Task):
    def work(self, packet):
        packet.data[self.priority % 4] += self.priority
        self.system.send("handler", packet)
        return True

class Handler(Task):
    def work(self, packet):
        self.system.checksum = (self.system.checksum * 31 + sum(packet.data)) % 1_000_003
        self.system.send(f"device{self.system.checksum % 3}", packet)
        return True

class System:
    def __init__(self):
        self.tasks, self.count, self.checksum = {}, 0, 1

    def send(self, name, packet):
        self.tasks[name].inbox.append(packet)

    def run(self, turns):
        order = sorted(self.tasks.values(), key=lambda task: -task.priority)
        while self.count < turns:
            for task in order:
                task.step()

def once(turns):
    system = System()
    for number in range(3):
        Device(f"device{number}", number + 1, system)
    Handler("handler", 10, system)
    for kind in range(6):
        system.send("handler", Packet(kind))
    system.run(turns)
    return system.count, system.checksum

for _ in range(8):
    print(*once(int(sys.argv[1])))
"""

DELTABLUE = """
import sys

class Variable:
    def __init__(self, value):
        self.value, self.readers = value, []

    def assign(self, value):
        if value != self.value:
            self.value = value
            for constraint in self.readers:
                constraint.execute()

class Scale:
    def __init__(self, source, target, factor, offset):
        self.source, self.target, self.factor, self.offset = source, target, factor, offset
        source.readers.append(self)

    def execute(self):
        self.target.assign(self.source.value * self.factor + self.offset)

def chain(length, turns):
    variables = [Variable(0) for _ in range(length)]
    for place, (source, target) in enumerate(zip(variables, variables[1:])):
        Scale(source, target, 1 + place % 2 * 0, place % 3)
    for turn in range(turns):
        variables[0].assign(turn + 1)
    return variables[-1].value

for size in range(40, 52):
    print(chain(size, int(sys.argv[1])))
"""

BENCHMARKS = {
    "nbody": (NBODY, "12000"),
    "richards": (RICHARDS, "40000"),
    "deltablue": (DELTABLUE, "1500"),
}
