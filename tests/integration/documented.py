"""The examples of the standard library's pages on concurrent.futures and multiprocessing, written anew.

Each runs long enough to be advised on (over 0.2 s), prints the same every time, and needs no network.
"""

from __future__ import annotations

_PRIMES = """
import math

NUMBERS = [10_000_000_019, 10_000_000_033, 10_000_000_035] * 100

def is_prime(number):
    if number < 2 or number % 2 == 0:
        return number == 2
    return all(number % divisor for divisor in range(3, math.isqrt(number) + 1, 2))
"""

_SERVER = """
import http.server, threading, time, urllib.request

class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.03)
        if "missing" in self.path:
            self.send_error(404)
            return
        page = b"x" * 1000
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=server.serve_forever, daemon=True).start()
place = f"http://127.0.0.1:{server.server_port}/"
"""

_TASKS = """
import time

def mul(a, b):
    time.sleep(0.02)
    return a * b

def plus(a, b):
    time.sleep(0.02)
    return a + b
"""

FUTURES = {
    "pages by threads, as they are completed": _SERVER
    + """
import concurrent.futures

NAMES = [f"page{number}" for number in range(40)] + ["missing"]

def load(name, timeout):
    with urllib.request.urlopen(place + name, timeout=timeout) as page:
        return page.read()

told = []
with concurrent.futures.ThreadPoolExecutor(max_workers=5) as executor:
    futures = {executor.submit(load, name, 10): name for name in NAMES}
    for future in concurrent.futures.as_completed(futures):
        name = futures[future]
        try:
            data = future.result()
        except Exception as error:
            told.append(f"{name!r} generated an exception: {error}")
        else:
            told.append(f"{name!r} page is {len(data)} bytes")
server.shutdown()
server.server_close()
print("\\n".join(sorted(told)))
""",
    "primes by processes": _PRIMES
    + """
import concurrent.futures

def main():
    with concurrent.futures.ProcessPoolExecutor() as executor:
        for number, prime in zip(NUMBERS, executor.map(is_prime, NUMBERS, chunksize=20)):
            print(f"{number} is prime: {prime}")

if __name__ == "__main__":
    main()
""",
    "submit, wait, cancel and callbacks": """
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

def nap(seconds):
    time.sleep(seconds)
    return seconds

with ThreadPoolExecutor(max_workers=1) as executor:
    print(executor.submit(pow, 323, 1235).result() % 1_000_003)
    futures = [executor.submit(nap, 0.4) for _ in range(5)]
    futures[0].add_done_callback(lambda future: print("called back with", future.result()))
    print("cancelled:", futures[-1].cancel())
    done, pending = wait(futures[1:], return_when=FIRST_COMPLETED)
print([future.cancelled() for future in futures])
""",
    "workers that wait for each other, with a time limit": """
import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

def wait_on_b():
    time.sleep(0.4)
    return b.result(timeout=5)

def wait_on_a():
    try:
        return a.result(timeout=0.2)
    except TimeoutError:
        return "gave up on a"

executor = ThreadPoolExecutor(max_workers=2)
a = executor.submit(wait_on_b)
b = executor.submit(wait_on_a)
print(a.result(), b.result())
""",
    "a pool that breaks": _PRIMES
    + """
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        print(sum(executor.map(is_prime, NUMBERS, chunksize=20)))
        try:
            executor.submit(os._exit, 3).result()
        except BrokenProcessPool:
            print("broken")
""",
}

MULTIPROCESSING = {
    "Pool of five": """
from multiprocessing import Pool

def f(x):
    return sum(i * x for i in range(400_000))

if __name__ == "__main__":
    with Pool(5) as pool:
        print(pool.map(f, range(12)))
""",
    "Pool: imap, apply_async and a time-out": """
import os, time
from multiprocessing import Pool, TimeoutError

def f(x):
    return x * x

if __name__ == "__main__":
    with Pool(processes=4) as pool:
        print(pool.map(f, range(10)))
        print(sorted(pool.imap_unordered(f, range(10))))
        print(list(pool.imap(f, range(10), chunksize=3)))
        print(pool.apply_async(f, (20,)).get(timeout=5))
        several = [pool.apply_async(os.getpid, ()) for _ in range(4)]
        print(all(result.get(timeout=5) > 0 for result in several))
        try:
            print(pool.apply_async(time.sleep, (10,)).get(timeout=0.3))
        except TimeoutError:
            print("out of patience")
    print("the pool is closed")
""",
    "Pool with an initializer": """
from multiprocessing import Pool

FACTOR = None

def start(factor):
    global FACTOR
    FACTOR = factor

def scaled(a, b):
    return FACTOR * sum(i * a % b for i in range(100_000))

if __name__ == "__main__":
    with Pool(2, initializer=start, initargs=(7,), maxtasksperchild=5) as pool:
        print(pool.starmap(scaled, [(i, i + 1) for i in range(30)]))
""",
    "Process, Queue, Pipe and Lock": """
from multiprocessing import Lock, Pipe, Process, Queue
import time

def put(queue):
    time.sleep(0.2)
    queue.put([42, None, "hello"])

def send(connection):
    connection.send([42, None, "hello"])
    connection.close()

def say(lock, number):
    with lock:
        print("hello world", flush=True)

if __name__ == "__main__":
    queue = Queue()
    process = Process(target=put, args=(queue,))
    process.start()
    print(queue.get(), flush=True)
    process.join()
    parent, child = Pipe()
    process = Process(target=send, args=(child,))
    process.start()
    print(parent.recv(), flush=True)
    process.join()
    lock = Lock()
    processes = [Process(target=say, args=(lock, number)) for number in range(10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print([process.exitcode for process in processes])
""",
    "Value, Array and Manager": """
from multiprocessing import Array, Manager, Process, Value
import time

def shared(number, array):
    time.sleep(0.2)
    number.value = 3.1415927
    for i in range(len(array)):
        array[i] = -array[i]

def managed(table, row):
    table[1] = "1"
    table["2"] = 2
    table[0.25] = None
    row.reverse()

if __name__ == "__main__":
    number, array = Value("d", 0.0), Array("i", range(10))
    process = Process(target=shared, args=(number, array))
    process.start()
    process.join()
    print(number.value, array[:])
    with Manager() as manager:
        table, row = manager.dict(), manager.list(range(10))
        process = Process(target=managed, args=(table, row))
        process.start()
        process.join()
        print(table, row)
""",
    "spawn": """
import multiprocessing
import time

def put(queue):
    time.sleep(0.1)
    queue.put("hello")

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=put, args=(queue,))
    process.start()
    print(queue.get())
    process.join()
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, range(-5, 0)))
""",
    "managers of one's own, one of them served": """
import queue, threading, time
from multiprocessing.managers import BaseManager

class Maths:
    def add(self, x, y):
        time.sleep(0.05)
        return x + y

class Manager(BaseManager):
    pass

class Server(BaseManager):
    pass

class Client(BaseManager):
    pass

Manager.register("Maths", Maths)
jobs = queue.Queue()
Server.register("jobs", callable=lambda: jobs)
Client.register("jobs")

if __name__ == "__main__":
    with Manager() as manager:
        maths = manager.Maths()
        print([maths.add(4, number) for number in range(6)])
    server = Server(address=("127.0.0.1", 0), authkey=b"secret").get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client(address=server.address, authkey=b"secret")
    client.connect()
    client.jobs().put("hello")
    print(jobs.get())
""",
    "shared memory": """
from multiprocessing import Process, shared_memory
from multiprocessing.managers import SharedMemoryManager
import time

def double(name, first, last):
    row = shared_memory.ShareableList(name=name)
    for place in range(first, last):
        row[place] *= 2
    time.sleep(0.1)
    row.shm.close()

if __name__ == "__main__":
    block = shared_memory.SharedMemory(create=True, size=10)
    block.buf[:4] = bytearray([22, 33, 44, 55])
    again = shared_memory.SharedMemory(block.name)
    print(bytes(again.buf[:4]))
    again.close()
    block.close()
    block.unlink()
    with SharedMemoryManager() as manager:
        row = manager.ShareableList(range(2000))
        halves = [Process(target=double, args=(row.shm.name, first, first + 1000)) for first in (0, 1000)]
        for half in halves:
            half.start()
        for half in halves:
            half.join()
        print(sum(row))
""",
    "a queue of tasks and one of results": _TASKS
    + """
from multiprocessing import Process, Queue, freeze_support

def worker(tasks, results):
    for function, arguments in iter(tasks.get, "STOP"):
        results.put((function.__name__, arguments, function(*arguments)))

def test():
    first = [(mul, (number, 7)) for number in range(30)]
    second = [(plus, (number, 8)) for number in range(20)]
    tasks, results = Queue(), Queue()
    for task in first:
        tasks.put(task)
    for _ in range(3):
        Process(target=worker, args=(tasks, results)).start()
    done = [results.get() for _ in first]
    for task in second:
        tasks.put(task)
    done += [results.get() for _ in second]
    for _ in range(3):
        tasks.put("STOP")
    for line in sorted(done):
        print(*line)

if __name__ == "__main__":
    freeze_support()
    test()
""",
    "connections that are waited for together": """
import threading, time
from multiprocessing import Pipe, Process
from multiprocessing.connection import Client, Listener, wait

def send(connection):
    for number in range(10):
        time.sleep(0.02)
        connection.send(number)
    connection.close()

if __name__ == "__main__":
    readers, total = [], 0
    for _ in range(4):
        reader, writer = Pipe(duplex=False)
        readers.append(reader)
        Process(target=send, args=(writer,)).start()
        writer.close()
    while readers:
        for reader in wait(readers):
            try:
                total += reader.recv()
            except EOFError:
                readers.remove(reader)
    print(total)
    with Listener(("127.0.0.1", 0), authkey=b"secret") as listener:
        def call():
            with Client(listener.address, authkey=b"secret") as connection:
                print(connection.recv())
        caller = threading.Thread(target=call)
        caller.start()
        with listener.accept() as connection:
            connection.send([2.25, None, "junk", float])
        caller.join()
""",
    "threads by the same name": """
import time
from multiprocessing.dummy import Pool

def fetch(number):
    time.sleep(0.02)
    return number * number

with Pool(4) as pool:
    print(pool.map(fetch, range(60)))
""",
    "a process that is ended, and one that ends with us": """
import multiprocessing, signal, time

if __name__ == "__main__":
    process = multiprocessing.Process(target=time.sleep, args=(1000,))
    print(process.is_alive())
    process.start()
    time.sleep(0.3)
    print(process.is_alive())
    process.terminate()
    process.join()
    print(process.is_alive(), process.exitcode == -signal.SIGTERM)
    multiprocessing.Process(target=time.sleep, args=(1000,), daemon=True).start()
""",
}
